// One health check: a command inside the container, or a connection from this node to the container's address. Must never keep
// more of an answer than a reason needs.

import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { finished } from "node:stream/promises";
import type { HealthProbe } from "../../model.js";
import { plainExec } from "../../runtime/exec-request.js";
import type { ContainerState, ExecSession, Runtime } from "../../runtime/runtime.js";

/** Resolves when the check passes; rejects with the reason, and with the signal's when it aborts. */
export type ProbeHealth = (state: ContainerState, probe: HealthProbe, signal: AbortSignal) => Promise<void>;

/** Of a command's output, for the reason. */
const OUTPUT_BYTES_MAX = 1_024;

export function createProbe(runtime: Pick<Runtime, "exec">): ProbeHealth {
	return async (state, probe, signal) => {
		signal.throwIfAborted();
		switch (probe.kind) {
			case "command":
				return runCommand(runtime, state, probe.command, signal);
			case "http":
				return askHttp(addressOf(state), probe.port, probe.path, signal);
			case "tcp":
				return openTcp(addressOf(state), probe.port, signal);
		}
	};
}

async function runCommand(
	runtime: Pick<Runtime, "exec">,
	{ container }: ContainerState,
	command: readonly string[],
	signal: AbortSignal,
): Promise<void> {
	const session = await runtime.exec(container, plainExec(command));
	const { promise: givenUp, reject: giveUp } = Promise.withResolvers<never>();
	// Not the end of the process is waited for then: it may hang in the kernel.
	const onAbort = () => {
		session.kill();
		for (const stream of [session.stdout, session.stderr]) stream.destroy();
		giveUp(signal.reason);
	};
	signal.addEventListener("abort", onAbort, { once: true });
	if (signal.aborted) onAbort();
	try {
		const { code, output } = await Promise.race([endOf(session), givenUp]);
		if (code !== 0) throw new Error(`exit code ${code}${output.trim() === "" ? "" : `: ${output}`}`);
	} finally {
		signal.removeEventListener("abort", onAbort);
	}
}

interface End {
	readonly code: number;
	/** The beginning of both outputs; nothing is waited for when the code is 0. */
	readonly output: string;
}

async function endOf(session: ExecSession): Promise<End> {
	const whole = await session.whole;
	if (whole !== null) {
		const output = Buffer.concat([whole.stdout, whole.stderr]).subarray(0, OUTPUT_BYTES_MAX).toString();
		return { code: whole.exitCode, output };
	}
	const streams = [session.stdout, session.stderr];
	let output = "";
	for (const stream of streams)
		stream.on("data", (part: Buffer) => {
			if (output.length < OUTPUT_BYTES_MAX) output += part.toString("utf8").slice(0, OUTPUT_BYTES_MAX - output.length);
		});
	const said = Promise.all(streams.map((stream) => finished(stream).catch(() => {})));
	try {
		const code = await session.exit;
		if (code !== 0) await said;
		return { code, output };
	} finally {
		for (const stream of streams) stream.destroy();
	}
}

/** Passes with a status of 200 to 399, as its head arrives; the body is not read. */
function askHttp(host: string, port: number, path: string, signal: AbortSignal): Promise<void> {
	return new Promise((resolve, reject) => {
		const headers = { host: `${host}:${port}`, connection: "close", "user-agent": "swarm-health" };
		const asked = httpRequest({ host, port, path, method: "GET", agent: false, headers, signal });
		asked.on("error", (thrown) => reject(signal.aborted ? signal.reason : thrown));
		asked.on("response", (answer) => {
			const status = answer.statusCode ?? 0;
			answer.destroy();
			if (status >= 200 && status < 400) resolve();
			else reject(new Error(`HTTP status ${status}`));
		});
		asked.end();
	});
}

function openTcp(host: string, port: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve, reject) => {
		const socket = connect({ host, port });
		const finish = (act: () => void) => {
			signal.removeEventListener("abort", onAbort);
			socket.destroy();
			act();
		};
		const onAbort = () => finish(() => reject(signal.reason));
		signal.addEventListener("abort", onAbort, { once: true });
		socket.once("connect", () => finish(resolve));
		socket.once("error", (thrown) => finish(() => reject(thrown)));
	});
}

/** Specs that check by address have a network (spec/health-field.ts); the address can be missing while all are taken. */
function addressOf({ address }: ContainerState): string {
	if (address === null) throw new Error("the container has no address");
	return address;
}
