import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SOCKET_NAME } from "../../src/node/api/client.js";
import type { ExecFrame } from "../../src/node/api/contract.js";
import { encodeExecFrame } from "../../src/node/api/frames.js";
import { serveHttp } from "../../src/node/api/http-server.js";
import { pathOf } from "../support/kernel.js";

const swarm = join(dirname(fileURLToPath(import.meta.url)), "../../bin/swarm");
const lacking = pathOf("script") === null ? "script (package bsdutils)" : null;

describe.skipIf(lacking !== null)(`the caller's terminal${lacking === null ? "" : ` (needs ${lacking})`}`, () => {
	let directory: string;
	let close: () => Promise<void> = async () => {};
	beforeEach(() => {
		directory = mkdtempSync(join(tmpdir(), "swarm-terminal-"));
	});
	afterEach(async () => {
		await close();
		rmSync(directory, { recursive: true });
	});

	/** `swarm exec -it` in a terminal of its own: what it printed, and how the terminal was before, meanwhile and after. */
	async function inTerminal(answer: () => AsyncIterable<ExecFrame>) {
		const server = await serveHttp(join(directory, SOCKET_NAME), async () => {
			await run("stty", "-F", readFileSync(join(directory, "tty"), "utf8").trim(), "-g").then((mode) =>
				modes.push(mode),
			);
			return { status: 200, contentType: "application/vnd.stratoswarm.exec", body: encoded(answer()) };
		});
		const modes: string[] = [];
		close = () => server.close();
		const command = `'${swarm}' exec -it web --state '${directory}' -- sh`;
		const script = `tty > '${directory}/tty'; stty -g > '${directory}/before'; ${command}; echo code $?; stty -g > '${directory}/after'`;
		const child = spawn("script", ["-qec", script, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] });
		const said = text(child.stdout);
		await once(child, "close");
		const mode = (name: string) => readFileSync(join(directory, name), "utf8").trim();
		return { said: await said, before: mode("before"), meanwhile: modes[0]?.trim(), after: mode("after") };
	}

	it("is raw while a command has it, and as it was afterwards", async () => {
		const seen = await inTerminal(async function* () {
			yield { kind: "stdout", bytes: Buffer.from("down\nleft") };
			yield { kind: "exit", exitCode: 3 };
		});
		// A line feed stays one: the command's own terminal has made what it wants of it.
		expect(seen.said).toContain("down\nleft");
		expect(seen.said).toMatch(/code 3\s+$/);
		expect(seen.meanwhile).not.toBe(seen.before);
		expect(seen.after).toBe(seen.before);
	});

	it("is as it was also when swarm is ended by a signal", async () => {
		const seen = await inTerminal(async function* () {
			yield { kind: "stdout", bytes: Buffer.from("begun") };
			for (const pid of callers(directory)) process.kill(pid, "SIGTERM");
			await new Promise(() => {});
		});
		expect(seen.said).toMatch(/code 143\s+$/);
		expect(seen.meanwhile).not.toBe(seen.before);
		expect(seen.after).toBe(seen.before);
	});
});

async function* encoded(frames: AsyncIterable<ExecFrame>): AsyncIterable<Uint8Array> {
	for await (const frame of frames) yield encodeExecFrame(frame);
}

async function run(program: string, ...args: readonly string[]): Promise<string> {
	const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
	return text(child.stdout);
}

/** Processes of Node that have the directory among their arguments. */
function callers(directory: string): readonly number[] {
	return readdirSync("/proc")
		.filter((entry) => /^\d+$/.test(entry))
		.map(Number)
		.filter((pid) => {
			try {
				const [program = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
				return /(^|\/)node$/.test(program) && args.includes(directory);
			} catch {
				return false; // ended meanwhile
			}
		});
}
