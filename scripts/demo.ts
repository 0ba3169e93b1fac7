// `npm run demo`: the main job as a story. Every line behind a $ is a command that a person can type; this program only types
// them, shows what they print, and checks what it claims. Exit code 0 when all of it held.

import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LogLine, MoveResult } from "../src/model.js";
import type { ContainerRow, NodeRow } from "../src/node/api/contract.js";

const swarm = join(dirname(fileURLToPath(import.meta.url)), "../../bin/swarm");
const lab = "demo";
const script = 'n=0; while :; do n=$((n+1)); echo "count $n"; sleep 0.1; done';

function say(text: string): void {
	console.log(`\n${text}`);
}

/** Types a command: shows it and what it prints, gives its standard output. */
function type(...args: readonly string[]): string {
	console.log(`$ swarm ${args.map(quoted).join(" ")}`);
	const ran = spawnSync(swarm, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
	process.stdout.write(ran.stdout);
	if (ran.status !== 0) throw new Error(`swarm ${args[0]} ended with ${ran.status}`);
	return ran.stdout;
}

/** Asks without showing, for what the story checks: the JSON values printed, one or one a line. */
function ask<T>(...args: readonly string[]): T {
	return JSON.parse(printedBy(args)) as T;
}

function askLines<T>(...args: readonly string[]): readonly T[] {
	const lines = printedBy(args).split("\n");
	return lines.flatMap((line) => (line === "" ? [] : [JSON.parse(line) as T]));
}

function printedBy(args: readonly string[]): string {
	const ran = spawnSync(swarm, args, { encoding: "utf8" });
	if (ran.status !== 0) throw new Error(`swarm ${args.join(" ")} ended with ${ran.status}: ${ran.stdout}${ran.stderr}`);
	return ran.stdout;
}

function quoted(argument: string): string {
	return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

const on = (node: string, ...args: readonly string[]) => ["lab", "exec", "--name", lab, node, "--", "swarm", ...args];

function counts(node: string): readonly number[] {
	const lines = askLines<LogLine>(...on(node, "logs", "counter", "--json"));
	return lines.map((line) => Number(/^count (\d+)$/.exec(line.text)?.[1]));
}

function story(): void {
	say(
		"Three nodes on this machine, each with its own network namespace, address, state and daemon. No one of them is in charge.",
	);
	type("lab", "up", "--name", lab, "--nodes", "3");
	type(...on("n1", "node", "ls"));

	say("A container from the embedded `host` image. Its counter lives in the memory of a shell, nowhere else.");
	type(
		...on("n1", "deploy", "counter", "--image", "host", "--memory", "64M", "--cpus", "0.2", "--", "sh", "-c", script),
	);

	say("Why it runs where it runs: every node, every factor, with what was read.");
	type(...on("n2", "explain", "counter"));

	const source = ask<readonly ContainerRow[]>(...on("n1", "ps", "--json"))[0]?.node ?? "";
	const target =
		ask<readonly NodeRow[]>(...on("n1", "node", "ls", "--json")).find((row) => row.name !== source)?.name ?? "";
	say(`It counts on ${source}. Seen from another node:`);
	type(...on(target, "logs", "counter", "--tail", "3"));
	const before = counts(source).at(-1) ?? 0;

	say(`What would a move to ${target} meet?`);
	type(...on("n1", "migrate", "counter", "--to", target, "--dry-run"));

	say(`Now move it, running, from ${source} to ${target}: memory, files, environment, limits, logs.`);
	const move = ask<MoveResult>(...on("n1", "migrate", "counter", "--to", target, "--json"));
	console.log(`$ swarm migrate counter --to ${target}`);
	console.log(
		`moved ${move.container} from ${source} to ${target}: ${move.bytes} bytes in ${move.durationMs.toFixed(0)} ms, downtime ${move.downtimeMs.toFixed(0)} ms`,
	);
	type(...on("n3", "ps"));

	say("The same counter goes on, on the other node:");
	type(...on("n1", "logs", "counter", "--tail", "3"));
	checkUnbroken(before, target);
}

function checkUnbroken(before: number, target: string): void {
	const end = Date.now() + 10_000;
	let seen = counts(target);
	while ((seen.at(-1) ?? 0) <= before && Date.now() < end) seen = counts(target);
	const last = seen.at(-1) ?? 0;
	const unbroken = seen.every((count, at) => count === at + 1);
	if (last <= before) throw new Error(`the counter stands at ${last}, was ${before} before the move`);
	if (!unbroken) throw new Error(`the log has a gap or a repetition: ${seen.find((count, at) => count !== at + 1)}`);
	say(
		`Before the move it had counted to ${before}; now it is at ${last}, and its log has every number from 1 to ${last} once.`,
	);
}

function main(): number {
	const begin = Date.now();
	spawnSync(swarm, ["lab", "down", "--name", lab], { stdio: "ignore" });
	try {
		story();
	} catch (thrown) {
		console.error(`demo: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
		return 1;
	} finally {
		say("Everything is taken down again.");
		type("lab", "down", "--name", lab);
	}
	console.log(`\nDone in ${((Date.now() - begin) / 1000).toFixed(1)} s. Make your own: bin/swarm lab up --nodes 3`);
	return 0;
}

process.exitCode = main();
