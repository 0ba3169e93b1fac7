// exec as an answer: the session's streams become frames, the call's body its standard input.

import { asSwarmError, SwarmError, shown } from "../../errors.js";
import type { ExecRequest, ExecSession, ExecWhole } from "../../runtime/runtime.js";
import type { ExecFrame } from "./contract.js";
import { decodeInputFrames, EXEC_FRAME_BYTES_MAX, encodeExecFrame, terminalSizeOf } from "./frames.js";
import type { ApiAnswer, ApiCall } from "./message.js";

const ARGUMENTS_MAX = 512;
/** Frames that a slow reader has not taken yet. */
const FRAMES_WAITING_MAX = 8;
const TIMEOUT_MS_MAX = 7 * 86_400_000;

/** Checks what the caller sent; code `usage` names the field. */
export function execRequestOf(text: string | null): ExecRequest {
	let given: unknown;
	try {
		given = JSON.parse(text ?? "");
	} catch (cause) {
		throw new SwarmError("usage", "Cannot exec: the request is no JSON", { cause });
	}
	if (typeof given !== "object" || given === null)
		throw new SwarmError("usage", `Cannot exec: the request is ${shown(given)}, wanted an object`);
	const request = given as Given;
	const { command, env, workdir, user } = request;
	if (!Array.isArray(command) || command.length === 0 || command.length > ARGUMENTS_MAX || !command.every(isText))
		throw wrong("command", command, `1 to ${ARGUMENTS_MAX} texts`);
	if (typeof env !== "object" || env === null || !Object.values(env).every(isText))
		throw wrong("env", env, "texts by name");
	if (workdir !== null && !isText(workdir)) throw wrong("workdir", workdir, "a path or null");
	if (user !== null && !isText(user)) throw wrong("user", user, "a name, an id or null");
	return { command, env: env as Record<string, string>, workdir, user, ...mannerOf(request) };
}

/** Fields that an older caller does not send mean what such a caller means. */
function mannerOf(request: Given): Pick<ExecRequest, "stdin" | "terminal" | "timeoutMs" | "detach"> {
	const { stdin = true, terminal = null, timeoutMs = null, detach = false } = request;
	if (typeof stdin !== "boolean") throw wrong("stdin", stdin, "true or false");
	if (typeof detach !== "boolean") throw wrong("detach", detach, "true or false");
	if (timeoutMs !== null && !(typeof timeoutMs === "number" && timeoutMs >= 1 && timeoutMs <= TIMEOUT_MS_MAX))
		throw wrong("timeoutMs", timeoutMs, "1 ms to 7 days, or null");
	return { stdin, detach, timeoutMs, terminal: terminal === null ? null : terminalSizeOf(terminal) };
}

type Given = Partial<Record<keyof ExecRequest, unknown>>;

function wrong(field: string, given: unknown, wanted: string): SwarmError {
	return new SwarmError("usage", `Cannot exec: ${field} is ${shown(given)}, wanted ${wanted}`);
}

function isText(value: unknown): value is string {
	return typeof value === "string" && !value.includes("\0");
}

/**
 * From now on the command ends when the caller goes away, also one that went before it read the first frame. `listens`: whether what
 * the caller sends is for the command.
 */
export async function execAnswer(session: ExecSession, call: ApiCall, listens: boolean): Promise<ApiAnswer> {
	const onAbort = () => session.kill();
	call.signal.addEventListener("abort", onAbort, { once: true });
	if (call.signal.aborted) onAbort();
	if (listens) feed(session, call).catch(onAbort);
	const whole = await session.whole;
	return {
		status: 200,
		contentType: "application/vnd.stratoswarm.exec",
		body: whole === null ? framesOf(session) : wholeFrames(whole),
	};
}

async function feed(session: ExecSession, call: ApiCall): Promise<void> {
	// The command may end, or close its input, before the caller has sent everything: that is no error.
	session.stdin.on("error", () => {});
	for await (const frame of decodeInputFrames(call.body)) {
		if (frame.kind === "resize") {
			session.resize(frame.size);
			continue;
		}
		// Read on all the same: to give up the body is to close the connection, before the exit code has gone over it.
		if (session.stdin.destroyed || session.stdin.writableEnded) continue;
		if (!session.stdin.write(frame.bytes))
			await new Promise((resolve) => session.stdin.once("drain", resolve).once("close", resolve));
	}
	session.stdin.end();
}

function wholeFrames({ stdout, stderr, exitCode }: ExecWhole): Uint8Array {
	const last = encodeExecFrame({ kind: "exit", exitCode });
	if (stdout.length + stderr.length === 0) return last;
	return Buffer.concat([...outputFrames("stdout", stdout), ...outputFrames("stderr", stderr), last]);
}

function outputFrames(kind: "stdout" | "stderr", bytes: Uint8Array): readonly Uint8Array[] {
	const frames: Uint8Array[] = [];
	for (let at = 0; at < bytes.length; at += EXEC_FRAME_BYTES_MAX)
		frames.push(encodeExecFrame({ kind, bytes: bytes.subarray(at, at + EXEC_FRAME_BYTES_MAX) }));
	return frames;
}

/** Both outputs in arrival order, as frames, and how the command ended; a slow reader pauses it. */
async function* framesOf(session: ExecSession): AsyncIterable<Uint8Array> {
	let waiting: Uint8Array[] = [];
	let wake = () => {};
	const add = (...frames: readonly Uint8Array[]) => {
		waiting.push(...frames);
		wake();
	};
	let isOver = false;
	const finish = (last: ExecFrame) => {
		isOver = true;
		add(encodeExecFrame(last));
	};
	const open = new Set(["stdout", "stderr"] as const);
	const streams = [...open].map((kind) => session[kind]);
	for (const kind of open) {
		const done = () => {
			if (!open.delete(kind) || open.size > 0) return;
			session.exit.then(
				(exitCode) => finish({ kind: "exit", exitCode }),
				(thrown: unknown) => finish({ kind: "error", error: asSwarmError(thrown, "exec").toJSON() }),
			);
		};
		session[kind].on("data", (bytes: Uint8Array) => {
			add(...outputFrames(kind, bytes));
			if (waiting.length >= FRAMES_WAITING_MAX) for (const stream of streams) stream.pause();
		});
		session[kind].once("end", done).once("close", done);
	}
	try {
		while (!isOver || waiting.length > 0) {
			const frames = waiting;
			waiting = [];
			for (const frame of frames) yield frame;
			for (const stream of streams) if (stream.isPaused()) stream.resume();
			if (!isOver && waiting.length === 0)
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
		}
	} finally {
		// Of a caller who stopped reading: what is left would be held for nobody.
		for (const stream of streams) stream.destroy();
	}
}
