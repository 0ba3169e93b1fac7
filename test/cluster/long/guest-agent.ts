// The first program of a node's virtual machine (scripts/uml-node.sh): starts the daemon, and tells the host over the console what stands
// on the disk and what the monitors write down, with the guest's own time. Imports nothing of ours, so that Node runs it as it stands.
// A line is `<boot time ms> <kind> <JSON>`. Arguments: the file with the daemon's configuration, the daemon's program.

import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

const LOOK_MS = 20;
/** The host takes the fastest line for the difference between the clocks. */
const FIRST_CLOCK_LINES = 50;
/** Where the daemon's socket can be reached over the network. */
const RELAY_PORT = 7750;

const [orderFile = "", program = ""] = process.argv.slice(2);
const config = JSON.parse(readFileSync(orderFile, "utf8")) as { stateDirectory: string };
const state = config.stateDirectory;

function say(kind: string, value: unknown): void {
	const bootMs = process.hrtime.bigint() / 1_000_000n;
	writeSync(1, `${bootMs} ${kind} ${JSON.stringify(value)}\n`);
}

function readOrEmpty(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return "";
	}
}

const told = new Map<string, string>();

function containersHere(): readonly string[] {
	const directory = join(state, "containers");
	return existsSync(directory) ? readdirSync(directory) : [];
}

/** Whole lines. */
function recordOf(container: string): string {
	const text = readOrEmpty(join(state, "containers", container, "guard"));
	return text.slice(0, text.lastIndexOf("\n") + 1);
}

/** The new lines of the monitors, and which containers are gone. */
function look(): void {
	const there = containersHere();
	for (const container of there) {
		const whole = recordOf(container);
		const before = told.get(container) ?? "";
		if (whole === before) continue;
		told.set(container, whole);
		const fresh = whole.startsWith(before) ? whole.slice(before.length) : whole;
		for (const line of fresh.split("\n")) if (line !== "") say("guard", { container, line });
	}
	for (const container of told.keys())
		if (!there.includes(container)) {
			told.delete(container);
			say("gone", { container });
		}
}

function startDaemon(): void {
	const child = spawn(process.execPath, ["--enable-source-maps", program], { stdio: ["pipe", "pipe", "pipe", "pipe"] });
	child.stdin.end(JSON.stringify(config));
	createInterface({ input: child.stdio[3] as Readable }).on("line", (line) => say("word", JSON.parse(line)));
	for (const output of [child.stdout, child.stderr])
		createInterface({ input: output }).on("line", (line) => say("log", line));
	child.once("close", (code, signal) => say("ended", { code, signal }));
}

for (let i = 0; i < FIRST_CLOCK_LINES; i++) say("clock", null);
const promises = join(state, "promises");
say("promises", existsSync(promises) ? readFileSync(promises).toString("base64") : null);
// What was written before the machine was switched on has the time of another life.
for (const container of containersHere()) told.set(container, recordOf(container));
createServer((client) => {
	const daemon = connect(join(state, "swarm.sock"));
	for (const end of [client, daemon]) end.on("error", () => void [client.destroy(), daemon.destroy()]);
	client.pipe(daemon).pipe(client);
}).listen(RELAY_PORT);
startDaemon();
setInterval(look, LOOK_MS);
