import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { SwarmError } from "../../../src/errors.js";
import { connectLocal, SOCKET_NAME } from "../../../src/node/api/client.js";
import { execAnswer, execRequestOf } from "../../../src/node/api/exec.js";
import { serveHttp } from "../../../src/node/api/http-server.js";
import type { ApiCall, ApiHandler } from "../../../src/node/api/message.js";
import { errorAnswer } from "../../../src/node/api/message.js";
import { plainExec } from "../../../src/runtime/exec-request.js";
import type { ExecSession } from "../../../src/runtime/runtime.js";

/** Each call is a race between the last of the input and the answer. */
const CALLS = 40;

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
	for (const step of undo.splice(0).reverse()) await step();
});

async function serving(handler: ApiHandler): Promise<string> {
	const directory = await mkdtemp(join(tmpdir(), "swarm-exec-"));
	undo.push(() => rm(directory, { recursive: true }));
	const server = await serveHttp(join(directory, SOCKET_NAME), handler);
	undo.push(() => server.close());
	return directory;
}

async function clientOf(handler: ApiHandler) {
	const client = connectLocal(await serving(handler));
	const request = { ...plainExec(["true"]), stdin: true };
	const signal = new AbortController().signal;
	return (stdin: Readable) =>
		client
			.exec("web", request, { stdin, onResize: null, onStdout: () => {}, onStderr: () => {} }, signal)
			.finally(() => stdin.destroy());
}

/** A command that has ended with `exitCode` and read nothing. */
function endedSession(exitCode: number): ExecSession {
	const stdin = new PassThrough();
	stdin.destroy();
	return {
		...{ whole: Promise.resolve(null), stdin, stdout: Readable.from([]), stderr: Readable.from([]) },
		exit: Promise.resolve(exitCode),
		kill: () => {},
		resize: () => {},
	};
}

function callUntil(signal: AbortSignal): ApiCall {
	const query = new URLSearchParams();
	return { method: "POST", path: "/", query, body: Readable.from([]), local: true, guest: null, signal };
}

function* endless(): Iterable<Buffer> {
	for (;;) yield Buffer.alloc(64 * 1024, "y");
}

describe("exec", () => {
	it("tells why it is refused, also when standard input has not ended or ends just then", async () => {
		const exec = await clientOf(async () => errorAnswer(new SwarmError("not-found", "Cannot find container web")));
		for (let call = 0; call < CALLS; call++) {
			const stdin = call % 2 === 0 ? Readable.from([]) : Readable.from(endless());
			await expect(exec(stdin)).rejects.toMatchObject({ code: "not-found" });
		}
	});

	it("passes the exit code on of a command that ends before it has read its input", async () => {
		const exec = await clientOf(async (call) => execAnswer(endedSession(7), call, true));
		for (let call = 0; call < CALLS; call++) expect(await exec(Readable.from(endless()))).toBe(7);
	});

	it("gives what a short command said and its exit code, over one connection as over a connection of its own", async () => {
		const whole = { stdout: Buffer.alloc(600_000, "o"), stderr: Buffer.from("complaint"), exitCode: 3 };
		const session = { ...endedSession(0), whole: Promise.resolve(whole) };
		const directory = await serving(async (call) => execAnswer(session, call, false));
		for (const keepAlive of [false, true]) {
			const said = { stdout: 0, stderr: 0 };
			const count = (kind: keyof typeof said) => (bytes: Uint8Array) => {
				said[kind] += bytes.length;
			};
			const streams = { stdin: null, onResize: null, onStdout: count("stdout"), onStderr: count("stderr") };
			const client = connectLocal(directory, { keepAlive });
			expect(await client.exec("web", plainExec(["true"]), streams, new AbortController().signal)).toBe(3);
			expect(said).toEqual({ stdout: 600_000, stderr: 9 });
		}
	});

	it("says that the daemon went away when the connection breaks in the middle", async () => {
		const exec = await clientOf(async () => ({
			status: 200,
			contentType: "application/vnd.stratoswarm.exec",
			body: brokenOff(),
		}));
		await expect(exec(Readable.from([]))).rejects.toMatchObject({ code: "unreachable" });
	});

	it("ends the command of a caller who went away before its answer was begun", () => {
		const abort = new AbortController();
		let killed = 0;
		const session = { ...endedSession(0), kill: () => void killed++ };
		execAnswer(session, callUntil(abort.signal), true);
		abort.abort();
		expect(killed).toBe(1);
	});

	it("lets go of the outputs of a command whose caller has stopped reading", async () => {
		const stdout = Readable.from(endless());
		const session = { ...endedSession(0), stdout, exit: new Promise<number>(() => {}) };
		const { body } = await execAnswer(session, callUntil(new AbortController().signal), false);
		for await (const part of body as AsyncIterable<Uint8Array>) if (part.length > 0) break;
		expect(stdout.destroyed).toBe(true);
	});

	it("refuses a request that is no object", () => {
		expect(() => execRequestOf("null")).toThrow(expect.objectContaining({ code: "usage" }));
	});
});

async function* brokenOff(): AsyncIterable<Uint8Array> {
	yield Buffer.from([1, 0, 0, 0, 1]);
	throw new Error("broken off");
}
