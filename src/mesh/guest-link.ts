// The guest's end: a libp2p peer that listens nowhere, has a key and a capability, and keeps one connection to one member. When it ends,
// the next call dials the next address that is known. Must never: speak to a node whose peer id it was not told, show its capability to it.

import { once } from "node:events";
import { multiaddr } from "@multiformats/multiaddr";
import { asSwarmError, SwarmError } from "../errors.js";
import type { NodeId } from "../model.js";
import { isMultiaddr } from "./address.js";
import { fieldsOf, MESH_VERSION } from "./admission.js";
import { CAPABILITY_PROTOCOL, GUEST_PROTOCOL, GUEST_STREAMS_MAX, keepSaying, watchSilence } from "./guests.js";
import type { Identity } from "./identity.js";
import { type Connection, createLibp2pNode, errorsIn, type Libp2p, peerOf, startLibp2pNode } from "./libp2p-node.js";
import { meshStreamOf } from "./libp2p-stream.js";
import type { MeshStream } from "./mesh.js";
import { messagesOver } from "./messages.js";
import { listOf, textOf } from "./wire.js";

const VISIT_BYTES_MAX = 8 * 1024;
const ADDRESSES_MAX = 32;
const DIAL_MS_MAX = 10_000;
const CLOSE_MS_MAX = 1_000;
/** Addresses of one attempt that do not answer, before it gives up. */
const ATTEMPTS_MAX = 16;

export interface GuestLinkOptions {
	readonly identity: Identity;
	readonly chain: Uint8Array;
	/** Multiaddrs with `/p2p/<id>`, the first ones tried first. */
	readonly addresses: readonly string[];
}

/** Resolves when a member has accepted the capability. Errors: `refused` with its reason, `unreachable`, `usage`. */
export async function openGuestLink(options: GuestLinkOptions, signal: AbortSignal): Promise<GuestLink> {
	const wrong = options.addresses.find((address) => !isMultiaddr(address) || !address.includes("/p2p/"));
	if (wrong !== undefined)
		throw new SwarmError(
			"usage",
			`Cannot connect to ${wrong}: wanted an address such as /ip4/10.0.0.1/tcp/7749/p2p/12D3Koo…`,
		);
	if (options.addresses.length === 0) throw new SwarmError("usage", "Cannot connect: no address is given");
	const libp2p = await createLibp2pNode(options.identity.privateKey, null);
	const link = new GuestLink(options, libp2p);
	try {
		await startLibp2pNode(libp2p, "nowhere");
		await link.connect(signal);
		return link;
	} catch (thrown) {
		await link.close();
		throw thrown;
	}
}

export class GuestLink {
	readonly #options: GuestLinkOptions;
	readonly #libp2p: Libp2p;
	#addresses: readonly string[];
	#connection: Promise<Connection> | null = null;
	#closed = false;

	/** Use openGuestLink. */
	constructor(options: GuestLinkOptions, libp2p: Libp2p) {
		this.#options = options;
		this.#libp2p = libp2p;
		this.#addresses = options.addresses;
	}

	/** The member that answers; connects when there is none. */
	async connect(signal: AbortSignal): Promise<NodeId> {
		return peerOf(await this.#connected(signal));
	}

	/** A stream for one call. Error `unreachable`. */
	async open(signal: AbortSignal): Promise<MeshStream> {
		const connection = await this.#connected(signal);
		try {
			const limits = { signal, maxOutboundStreams: GUEST_STREAMS_MAX };
			return meshStreamOf(await connection.newStream(GUEST_PROTOCOL, limits), peerOf(connection));
		} catch (thrown) {
			signal.throwIfAborted();
			throw unreachable(peerOf(connection), thrown);
		}
	}

	async close(): Promise<void> {
		this.#closed = true;
		const connection = await this.#connection?.catch(() => null);
		await connection?.close({ signal: AbortSignal.timeout(CLOSE_MS_MAX) }).catch((thrown) => connection.abort(thrown));
		await this.#libp2p.stop();
	}

	/** One attempt for all that wait; a signal that aborts gives up for its caller alone. */
	async #connected(signal: AbortSignal): Promise<Connection> {
		if (this.#closed) throw new SwarmError("aborted", "Cannot call: the client is closed");
		signal.throwIfAborted();
		this.#connection ??= this.#dialAny().catch((thrown) => {
			this.#connection = null;
			throw thrown;
		});
		const aborted = once(signal, "abort").then(() => Promise.reject(signal.reason));
		aborted.catch(() => {});
		return Promise.race([this.#connection, aborted]);
	}

	async #dialAny(): Promise<Connection> {
		let failure: unknown = null;
		for (const address of this.#addresses.slice(0, ATTEMPTS_MAX)) {
			try {
				return await this.#dial(address);
			} catch (thrown) {
				const error = asSwarmError(thrown, `connect to ${address}`);
				// Another member would say the same.
				if (error.code === "refused" || this.#closed) throw error;
				failure ??= error;
			}
		}
		throw failure;
	}

	async #dial(address: string): Promise<Connection> {
		const signal = AbortSignal.timeout(DIAL_MS_MAX);
		const connection = await this.#libp2p.dial(multiaddr(address), { signal, force: true }).catch((thrown) => {
			throw unreachable(address, thrown);
		});
		try {
			await this.#visit(connection, signal);
		} catch (thrown) {
			connection.abort(asSwarmError(thrown, "connect"));
			throw thrown;
		}
		const forget = () => {
			this.#connection = null;
		};
		connection.addEventListener("close", forget, { once: true });
		return connection;
	}

	/** Shows the capability, then keeps saying that this end is there. */
	async #visit(connection: Connection, signal: AbortSignal): Promise<void> {
		const peer = peerOf(connection);
		const stream = meshStreamOf(await connection.newStream(CAPABILITY_PROTOCOL, { signal }), peer);
		const late = () => stream.abort(asSwarmError(signal.reason, "wait for the answer"));
		signal.addEventListener("abort", late, { once: true });
		const pipe = messagesOver(stream, "the visit", new AbortController().signal);
		await pipe.write("capability", MESH_VERSION, this.#options.chain);
		const [told] = fieldsOf(await pipe.read(VISIT_BYTES_MAX), "accepted", peer);
		signal.removeEventListener("abort", late);
		const others = listOf(told, "accepted.addresses", 0, ADDRESSES_MAX).map((text) => textOf(text, "address", 256));
		this.#addresses = [...new Set([...this.#options.addresses, ...others.filter(isMultiaddr)])].slice(0, ADDRESSES_MAX);
		const cut = (reason: string) => connection.abort(new Error(reason));
		const undo = keepSaying(pipe, () => connection.status === "open");
		const watch = watchSilence(() => cut("the node is silent"));
		const listen = async () => {
			for (;;) {
				fieldsOf(await pipe.read(VISIT_BYTES_MAX), "here", peer);
				watch.heard();
			}
		};
		listen().catch(() => {
			undo();
			watch.stop();
			if (connection.status === "open") cut("the visit ended");
		});
	}
}

function unreachable(whom: string, cause: unknown): SwarmError {
	const late = cause instanceof Error && (cause.name === "AbortError" || cause.name === "TimeoutError");
	const reason = late ? "no answer in time" : [...new Set(errorsIn(cause))].join("; ");
	return new SwarmError("unreachable", `Cannot reach ${whom}: ${reason}`, { retryable: true, cause });
}
