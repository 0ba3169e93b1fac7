import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SwarmError } from "../../../src/errors.js";
import type { NodeId } from "../../../src/model.js";
import { connectLocal, SOCKET_NAME } from "../../../src/node/api/client.js";
import { serveHttp } from "../../../src/node/api/http-server.js";
import { forward } from "../../../src/node/api/mesh-door.js";
import type { ApiHandler } from "../../../src/node/api/message.js";
import {
	type ApiCall,
	errorAnswer,
	jsonAnswer,
	jsonBody,
	linesAnswer,
	progressLines,
} from "../../../src/node/api/message.js";
import { until } from "../../support/until.js";
import { meshOf } from "./mesh-of.js";

const echo: ApiHandler = async (call) => {
	switch (call.path) {
		case "/v1/nodes/slow":
			return linesAnswer(neverEnding(call.signal));
		case "/v1/workloads":
			return jsonAnswer({ workload: await jsonBody(call), containers: [], local: call.local });
		case "/v1/images":
			return linesAnswer(
				progressLines(async (report) => {
					report({ message: "half" });
					throw new SwarmError("refused", "Cannot import: disk full, wanted more", { details: { step: "half" } });
				}),
			);
		default:
			return errorAnswer(new SwarmError("not-found", `Cannot find ${call.path}`));
	}
};

const aborted: unknown[] = [];
async function* neverEnding(signal: AbortSignal): AsyncIterable<unknown> {
	yield { timeMs: 1, message: "first" };
	await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
	aborted.push(signal.reason);
}

describe("the socket", () => {
	let directory: string;
	let server: { close(): Promise<void> };
	beforeEach(async () => {
		directory = await mkdtemp(join(tmpdir(), "swarm-door-"));
		server = await serveHttp(join(directory, SOCKET_NAME), echo);
		aborted.length = 0;
	});
	afterEach(async () => {
		await server.close();
		await rm(directory, { recursive: true });
	});

	it("is for its owner only", async () => {
		expect((await stat(join(directory, SOCKET_NAME))).mode & 0o777).toBe(0o600);
	});

	it("brings an error back with its code, and names the next step when nobody answers", async () => {
		await expect(connectLocal(directory).node("x")).rejects.toMatchObject({ code: "not-found" });
		await expect(connectLocal(join(directory, "other")).ping()).rejects.toMatchObject({
			code: "unreachable",
			message: expect.stringContaining("swarm node start"),
		});
	});

	it("gives progress, then the error that ended it", async () => {
		const progress: string[] = [];
		const signal = new AbortController().signal;
		const done = connectLocal(directory).importImage("/x.tar", null, (message) => progress.push(message), signal);
		await expect(done).rejects.toMatchObject({ code: "refused", details: { step: "half" } });
		expect(progress).toEqual(["half"]);
	});

	it("is not taken from a daemon that answers on it", async () => {
		await expect(serveHttp(join(directory, SOCKET_NAME), echo)).rejects.toMatchObject({ code: "conflict" });
		await expect(connectLocal(directory).node("x")).rejects.toMatchObject({ code: "not-found" });
	});
});

describe("the mesh door", () => {
	const call = (path: string, body: string, signal = new AbortController().signal): ApiCall => ({
		method: path.includes("nodes") ? "GET" : "POST",
		path,
		query: new URLSearchParams(),
		body: bytesOf(body),
		local: true,
		guest: null,
		signal,
	});

	it("carries call and answer, and marks the call as not local", async () => {
		const answer = await forward(meshOf(echo), "there" as NodeId, call("/v1/workloads", '{"name":"web"}'));
		expect(JSON.parse(await textOf(answer.body))).toEqual({ workload: { name: "web" }, containers: [], local: false });
	});

	it("ends the call over there when the caller goes away", async () => {
		const abort = new AbortController();
		const answer = await forward(meshOf(echo), "there" as NodeId, call("/v1/nodes/slow", "", abort.signal));
		const parts = (answer.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
		expect(Buffer.from((await parts.next()).value as Uint8Array).toString()).toContain("first");
		aborted.length = 0;
		abort.abort();
		await expect(parts.next()).rejects.toThrow();
		await until("the far side's abort", () => aborted.length === 1);
	});
});

async function* bytesOf(text: string): AsyncIterable<Uint8Array> {
	yield Buffer.from(text);
}

async function textOf(body: Uint8Array | AsyncIterable<Uint8Array>): Promise<string> {
	if (body instanceof Uint8Array) return Buffer.from(body).toString();
	const parts: Uint8Array[] = [];
	for await (const part of body) parts.push(part);
	return Buffer.concat(parts).toString();
}
