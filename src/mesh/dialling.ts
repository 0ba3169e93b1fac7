// Connections to be made and to be waited for. Must never: take a connection that the peer opened for one of our own.

import { once } from "node:events";
import { multiaddr } from "@multiformats/multiaddr";
import { SwarmError } from "../errors.js";
import type { NodeId } from "../model.js";
import { type Connection, errorsIn, type Libp2p } from "./libp2p-node.js";

/** Code `unreachable`; `whom` names the peer or place in the message. */
export async function dial(
	libp2p: Libp2p,
	addresses: readonly string[],
	whom: string,
	signal: AbortSignal,
): Promise<Connection> {
	try {
		// Always a connection of its own: one that the peer opened is proved by the peer.
		return await libp2p.dial(addresses.map(multiaddr), { signal, force: true });
	} catch (cause) {
		const late = cause instanceof Error && (cause.name === "AbortError" || cause.name === "TimeoutError");
		const reason = late ? "no answer in time" : [...new Set(errorsIn(cause))].join("; ");
		throw new SwarmError("unreachable", `Cannot reach ${whom}: ${reason}`, { retryable: true, cause });
	}
}

export function unreachable(to: NodeId, protocol: string, reason: string, cause?: unknown): SwarmError {
	const message = `Cannot open ${protocol} at ${to}: ${reason}`;
	return new SwarmError("unreachable", message, { retryable: true, details: { node: to }, cause });
}

/** The promise, or the signal's reason as soon as it aborts. */
export async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
	const aborted = Promise.withResolvers<never>();
	const onAbort = () => aborted.reject(signal.reason);
	signal.addEventListener("abort", onAbort, { once: true });
	try {
		await Promise.race([promise, aborted.promise]);
	} finally {
		signal.removeEventListener("abort", onAbort);
	}
}

/** Whether the connection is closed, or will be in that time. */
export async function closedWithin(connection: Connection, ms: number, signal: AbortSignal): Promise<boolean> {
	if (connection.status !== "open" && connection.status !== "closing") return true;
	const limit = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
	await once(connection, "close", { signal: limit }).catch(() => {});
	signal.throwIfAborted();
	return !limit.aborted;
}
