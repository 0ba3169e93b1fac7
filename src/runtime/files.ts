// Files out of a running container and into it, as tar archives, by swarm-copy (native/copy): it works inside the container's mount
// namespace, so that no link of the container leads out of its root. Must never open a path of a container itself.

import { type ChildProcess, spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { type ErrorCode, SwarmError } from "../errors.js";
import type { Container } from "./container.js";
import { drained } from "./drained.js";

const COMPLAINT_BYTES_MAX = 4_096;

/** Exit codes of swarm-copy. */
const codes: Readonly<Record<number, ErrorCode>> = { 2: "usage", 4: "not-found", 5: "refused" };

/** Resolves with the first bytes at hand, so that what is not there is an error and no torn archive. */
export async function readFilesOf(
	container: Container,
	{ path, name }: { readonly path: string; readonly name: string },
	program: string,
	signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
	const copy = startCopy(container, "copy from", program, ["pack", path, name], signal);
	copy.child.stdin?.end();
	const parts = (copy.child.stdout as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
	const first = await parts.next();
	if (first.done === true) await copy.ended;
	return (async function* () {
		try {
			if (first.done === true) return;
			yield first.value;
			for (let next = await parts.next(); next.done !== true; next = await parts.next()) yield next.value;
			await copy.ended;
		} finally {
			copy.stop();
		}
	})();
}

export async function writeFilesTo(
	container: Container,
	what: { readonly path: string; readonly how: "as" | "into"; readonly tar: AsyncIterable<Uint8Array> },
	program: string,
	signal: AbortSignal,
): Promise<void> {
	const copy = startCopy(container, "copy into", program, ["unpack", what.path, what.how], signal);
	const { stdin, stdout } = copy.child;
	stdout?.resume();
	try {
		// It can end before the archive does: then its reason counts, not the broken pipe.
		await Promise.race([feed(stdin as Writable, what.tar), copy.ended]);
		stdin?.end();
		await copy.ended;
	} finally {
		copy.stop();
	}
}

async function feed(stdin: Writable, tar: AsyncIterable<Uint8Array>): Promise<void> {
	stdin.on("error", () => {});
	for await (const part of tar) {
		if (stdin.destroyed) return;
		if (!stdin.write(part)) await drained(stdin);
	}
}

interface Copy {
	readonly child: ChildProcess;
	/** Resolves when it has done its work; rejects with its reason. */
	readonly ended: Promise<void>;
	stop(): void;
}

function startCopy(
	container: Container,
	action: string,
	program: string,
	[how, ...rest]: readonly [string, ...string[]],
	signal: AbortSignal,
): Copy {
	const { pid, phase } = container.state;
	if ((phase !== "running" && phase !== "paused") || pid === null)
		throw new SwarmError("conflict", `Cannot ${action} ${container.id}: it is ${phase}, wanted running or paused`, {
			details: { container: container.id, phase },
		});
	signal.throwIfAborted();
	const child = spawn(program, [how, container.directory.path, String(pid), ...rest], { stdio: "pipe" });
	const stop = () => void child.kill("SIGKILL");
	signal.addEventListener("abort", stop, { once: true });
	let complaint = "";
	child.stderr?.on("data", (part: Buffer) => {
		if (complaint.length < COMPLAINT_BYTES_MAX) complaint += part.toString();
	});
	const ended = new Promise<void>((resolve, reject) => {
		const fail = (code: ErrorCode, why: string) =>
			reject(
				new SwarmError(code, `Cannot ${action} ${container.id}: ${why}`, { details: { container: container.id } }),
			);
		child.once("error", (thrown) => fail("failed", thrown.message));
		child.once("close", (code) => {
			signal.removeEventListener("abort", stop);
			if (code === 0) resolve();
			else if (signal.aborted) reject(signal.reason);
			else fail(codes[code ?? 1] ?? "failed", reasonIn(complaint));
		});
	});
	// Whoever stops it before its end does not ask.
	ended.catch(() => {});
	return { child, ended, stop };
}

/** Its messages say "Cannot <step>: …" of a step of theirs. */
function reasonIn(complaint: string): string {
	const line = complaint.trim().split("\n").at(-1) ?? "";
	return line === "" ? "it was killed" : line.replace(/^Cannot /, "");
}
