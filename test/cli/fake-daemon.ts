// A daemon for command tests: the real door (node/api/http-server.ts) on a socket in a temporary state directory, with
// answers that the test gives. It keeps what was asked.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { SwarmError } from "../../src/errors.js";
import type { ExecFrame } from "../../src/node/api/contract.js";
import { encodeExecFrame } from "../../src/node/api/frames.js";
import { serveHttp } from "../../src/node/api/http-server.js";
import { type ApiAnswer, errorAnswer, jsonAnswer, linesAnswer } from "../../src/node/api/message.js";

export interface Asked {
	/** `POST /v1/workloads` */
	readonly route: string;
	readonly query: Readonly<Record<string, string>>;
	/** JSON where it is JSON, else the text; null without a body. */
	readonly body: unknown;
}

/** What a route gives: a JSON value, or one of the forms below; thrown errors become error answers. */
export type Answer = (asked: Asked) => unknown;

class Lines {
	constructor(readonly values: readonly unknown[]) {}
}
class Frames {
	constructor(readonly values: readonly ExecFrame[]) {}
}

/** One JSON value per line. */
export function lines(...values: readonly unknown[]): unknown {
	return new Lines(values);
}

export function frames(...values: readonly ExecFrame[]): unknown {
	return new Frames(values);
}

export interface FakeDaemon {
	readonly stateDirectory: string;
	readonly asked: readonly Asked[];
}

/** Ends with the test. */
export async function fakeDaemon(routes: Readonly<Record<string, Answer>>): Promise<FakeDaemon> {
	const stateDirectory = await mkdtemp(join(tmpdir(), "swarm-cli-"));
	const asked: Asked[] = [];
	const server = await serveHttp(join(stateDirectory, "swarm.sock"), async (call) => {
		const parts: Uint8Array[] = [];
		for await (const part of call.body) parts.push(part);
		const one = {
			route: `${call.method} ${decodeURIComponent(call.path)}`,
			query: Object.fromEntries(call.query),
			body: bodyOf(Buffer.concat(parts).toString()),
		};
		asked.push(one);
		try {
			const answer = routes[one.route];
			if (!answer) throw new SwarmError("not-found", `Cannot answer ${one.route}: the test gave no such route`);
			return answerOf(await answer(one));
		} catch (thrown) {
			return errorAnswer(thrown as SwarmError);
		}
	});
	onTestFinished(async () => {
		await server.close();
		await rm(stateDirectory, { recursive: true, force: true });
	});
	return { stateDirectory, asked };
}

function bodyOf(text: string): unknown {
	if (text === "") return null;
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}

function answerOf(value: unknown): ApiAnswer {
	if (value instanceof Lines) return linesAnswer(stream(value.values));
	if (value instanceof Frames) {
		const contentType = "application/vnd.stratoswarm.exec";
		return { status: 200, contentType, body: stream(value.values.map(encodeExecFrame)) };
	}
	if (value instanceof Uint8Array) return { status: 200, contentType: "application/x-tar", body: value };
	return jsonAnswer(value);
}

async function* stream<T>(values: readonly T[]): AsyncIterable<T> {
	yield* values;
}
