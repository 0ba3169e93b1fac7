import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SwarmError } from "../../../../src/errors.js";
import { CALLS_UPGRADE, encodeWhole } from "../../../../src/node/api/calls/frames.js";
import { connectLocal, SOCKET_NAME } from "../../../../src/node/api/client.js";
import { encodeExecFrame } from "../../../../src/node/api/frames.js";
import { serveHttp } from "../../../../src/node/api/http-server.js";
import type { ApiHandler } from "../../../../src/node/api/message.js";
import { type ApiAnswer, type ApiCall, errorAnswer, jsonAnswer, jsonBody } from "../../../../src/node/api/message.js";
import { plainExec } from "../../../../src/runtime/exec-request.js";
import { until } from "../../../support/until.js";

const calls: { readonly path: string; readonly signal: AbortSignal }[] = [];
let release = () => {};

const handler: ApiHandler = async (call) => {
	calls.push({ path: call.path, signal: call.signal });
	switch (call.path) {
		case "/v1/workloads":
			return jsonAnswer({ workload: await jsonBody(call), containers: [], local: call.local });
		case "/v1/pool":
			await new Promise<void>((resolve) => {
				release = resolve;
				call.signal.addEventListener("abort", () => resolve());
			});
			return jsonAnswer({ filled: call.query.get("filled") });
		case "/v1/containers/web/exec":
			return execAnswer(call);
		default:
			return errorAnswer(new SwarmError("not-found", `Cannot find ${call.path}`));
	}
};

function execAnswer(call: ApiCall): ApiAnswer {
	const { command } = JSON.parse(call.query.get("request") ?? "") as { command: string[] };
	async function* frames() {
		for (let count = 0; count < Number(command[1]); count++)
			yield encodeExecFrame({ kind: "stdout", bytes: Buffer.alloc(100_000, count) });
		if (command[0] === "sleep") await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
		if (command[0] !== "vanish") yield encodeExecFrame({ kind: "exit", exitCode: 7 });
	}
	return { status: 200, contentType: "application/vnd.stratoswarm.exec", body: frames() };
}

describe("a connection of many calls", () => {
	let directory: string;
	let server: { close(): Promise<void> };
	const client = () => connectLocal(directory, { keepAlive: true });
	const never = new AbortController().signal;
	const exec = (command: readonly string[], signal: AbortSignal, onStdout: (bytes: Uint8Array) => void = () => {}) =>
		client().exec("web", plainExec(command), { stdin: null, onResize: null, onStdout, onStderr: () => {} }, signal);

	beforeEach(async () => {
		directory = await mkdtemp(join(tmpdir(), "swarm-calls-"));
		server = await serveHttp(join(directory, SOCKET_NAME), handler);
		calls.length = 0;
	});
	afterEach(async () => {
		await server.close();
		await rm(directory, { recursive: true });
	});

	it("brings answers and errors as single calls do", async () => {
		const connection = client();
		for (let round = 0; round < 3; round++) {
			await expect(connection.deploy({ name: "web" } as never)).resolves.toMatchObject({
				workload: { name: "web" },
				local: true,
			});
			await expect(connection.node("x")).rejects.toMatchObject({ code: "not-found" });
		}
	});

	it("takes calls side by side", async () => {
		const connection = client();
		const waiting = connection.pool({ filled: true });
		await expect(connection.node("x")).rejects.toMatchObject({ code: "not-found" });
		await until("the first call", () => calls.some(({ path }) => path === "/v1/pool"), 30_000);
		release();
		await expect(waiting).resolves.toEqual({ filled: "1" });
	});

	it("carries output in the order and length it has, and the exit code", async () => {
		const seen: number[] = [];
		await expect(
			exec(["write", "40"], never, (bytes) => void (bytes.length === 100_000 && seen.push(bytes[0] ?? -1))),
		).resolves.toBe(7);
		expect(seen).toEqual(Array.from({ length: 40 }, (_, index) => index));
	});

	it("says it when an answer ends without an exit code", async () => {
		await expect(exec(["vanish", "1"], never)).rejects.toMatchObject({ code: "unreachable" });
	});

	it("ends the call of a caller that goes away", async () => {
		const abort = new AbortController();
		const running = exec(["sleep", "1"], abort.signal);
		await until("the call", () => calls.length === 1, 30_000);
		abort.abort(new Error("enough"));
		await expect(running).rejects.toThrow("enough");
		await until("its end at the daemon", () => calls[0]?.signal.aborted === true, 30_000);
	});

	it("tells that the daemon went away meanwhile, and that none answers", async () => {
		const connection = client();
		const running = connection.pool({ filled: true });
		const outcome = expect(running).rejects.toMatchObject({ code: "unreachable" });
		await until("the call", () => calls.length === 1, 30_000);
		await server.close();
		await outcome;
		await expect(connection.ping()).rejects.toMatchObject({ code: "unreachable" });
		server = await serveHttp(join(directory, SOCKET_NAME), handler);
		await expect(connection.node("x")).rejects.toMatchObject({ code: "not-found" });
	});

	it.each([
		["a second call before the answer of the first", () => [encodeWhole(pool, ""), encodeWhole(pool, "")]],
		["bytes that are no frames", () => [Buffer.alloc(64, 255)]],
		["a body without a call", () => [encodeWhole(pool, "").subarray(encodeWhole(pool, "").length - 10)]],
	])("is ended on %s", async (_what, bytes) => {
		const socket = await upgraded();
		const closed = new Promise((resolve) => socket.once("close", resolve));
		socket.on("error", () => {});
		for (const part of bytes()) socket.write(part);
		await closed;
	});

	it("is offered under its own name only", async () => {
		const status = await new Promise((resolve) => {
			const outgoing = request({
				createConnection: () => connect(join(directory, SOCKET_NAME)),
				headers: { connection: "upgrade", upgrade: "websocket" },
			});
			outgoing.on("response", (response) => resolve(response.statusCode));
			outgoing.end();
		});
		expect(status).toBe(400);
	});

	const pool = { method: "GET", path: "/v1/pool", query: "" };

	function upgraded(): Promise<Socket> {
		return new Promise((resolve) => {
			const outgoing = request({
				createConnection: () => connect(join(directory, SOCKET_NAME)),
				headers: { connection: "upgrade", upgrade: CALLS_UPGRADE },
			});
			outgoing.on("upgrade", (_response, socket: Socket) => resolve(socket));
			outgoing.end();
		});
	}
});
