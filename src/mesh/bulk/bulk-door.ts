// `/swarm/bulk/2`: agrees over a mesh stream, which is encrypted and whose peer is known, on a socket of its own for bytes in bulk. The stream
// stays open beside it (bulk-stream.ts). The side that sends the bulk listens, on a free port of the address where the mesh listens:
//   opener sends:     offer(protocol, port, secret) → ready() | refused(reason) | unreached(reason)
//   opener receives:  ask(protocol) → offer(protocol, port, secret) | refused(reason)
// Where the port cannot be reached (a firewall, NAT), the opener takes an ordinary stream, and does not try again for a while.
// Must never: dial another address than that of the peer's own connection, let a peer have more sockets than it may.

import type { Chance, Clock } from "../../clock.js";
import { asSwarmError, SwarmError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { NodeId } from "../../model.js";
import type { MeshStream, StreamHandler } from "../mesh.js";
import type { OpenedStream } from "../mesh-streams.js";
import { type Message, type MessagePipe, messagesOver } from "../messages.js";
import { bytesOf, integerOf, textOf } from "../wire.js";
import { withinMs } from "../within.js";
import { BULK_CONNECT_MS_MAX, BULK_HANDSHAKE_MS_MAX, BULK_SECRET_BYTES } from "./bulk-order.js";
import { bulkStreamOf } from "./bulk-stream.js";
import { type BulkLine, BulkThread } from "./bulk-thread.js";

export const BULK_PROTOCOL = "/swarm/bulk/2";
/** Bulk sockets of a node, and with one peer; what is over it goes over ordinary streams. */
export const BULK_SOCKETS_MAX = 16;
export const BULK_SOCKETS_PER_PEER_MAX = 8;
const MESSAGE_BYTES_MAX = 1024;
const PROTOCOL_BYTES_MAX = 64;
/** From the first word to the socket; starting the thread is part of it. */
const OPEN_MS_MAX = BULK_CONNECT_MS_MAX + 2 * BULK_HANDSHAKE_MS_MAX;
/** A peer whose sockets cannot be reached. */
const AVOID_MS = 10 * 60_000;
const AVOIDED_MAX = 1024;
const WHAT = "the agreement on a bulk socket";

export interface BulkDoorOptions {
	readonly clock: Clock;
	readonly chance: Chance;
	readonly logger: Logger;
	/** Where the mesh listens. */
	readonly listenHost: string;
	open(to: NodeId, protocol: string, signal: AbortSignal): Promise<OpenedStream>;
	/** null for a protocol that is not for bulk sockets. */
	handlerOf(protocol: string): StreamHandler | null;
}

interface Agreed {
	readonly line: BulkLine;
	readonly pipe: MessagePipe;
}

export class BulkDoor {
	readonly #options: BulkDoorOptions;
	readonly #thread: BulkThread;
	/** Until when, by the monotonic clock. */
	readonly #avoided = new Map<NodeId, number>();

	constructor(options: BulkDoorOptions) {
		this.#options = options;
		this.#thread = new BulkThread(options.clock);
	}

	/** null where it takes an ordinary stream; rejects only when the signal aborts. */
	async open(
		to: NodeId,
		protocol: string,
		way: "sending" | "receiving",
		signal: AbortSignal,
	): Promise<MeshStream | null> {
		if (this.#isAvoided(to) || this.#crowd(to) !== null) return null;
		try {
			const { stream, host } = await this.#options.open(to, BULK_PROTOCOL, signal);
			const { line, pipe } = await this.#agree(stream, signal, (talk) =>
				way === "sending" ? this.#offer(talk, to, protocol) : this.#ask(talk, { to, host, protocol }),
			);
			this.#options.logger.debug("a bulk socket is open", { peer: to, protocol });
			return bulkStreamOf({ line, beside: stream, pipe });
		} catch (thrown) {
			signal.throwIfAborted();
			const error = asSwarmError(thrown, "open a bulk socket");
			this.#options.logger.info("bytes in bulk go over the mesh", { peer: to, protocol, reason: error.message });
			if (error.code === "unreachable" || error.code === "timeout" || error.code === "unsupported") this.#avoid(to);
			return null;
		}
	}

	/** Answers one stream of BULK_PROTOCOL; returns when the transfer's handler has. */
	async answer(stream: MeshStream, host: string): Promise<void> {
		let handler: StreamHandler = async () => {};
		const { line, pipe } = await this.#agree(stream, new AbortController().signal, async (talk) => {
			const first = await talk.read(MESSAGE_BYTES_MAX);
			const protocol = textOf(first.fields[0], `${WHAT}: protocol`, PROTOCOL_BYTES_MAX);
			const known = this.#options.handlerOf(protocol);
			const why = known === null ? `${protocol} is not for bulk sockets` : this.#crowd(stream.peer);
			if (known === null || why !== null) throw await refused(talk, why ?? "it is not known");
			handler = known;
			return first.kind === "ask" ? this.#give(talk, stream.peer, protocol) : this.#dialBack(talk, first, stream, host);
		});
		const bulk = bulkStreamOf({ line, beside: stream, pipe });
		try {
			await handler(bulk);
			// Its handler is done with it: a socket that nobody would end stays open otherwise.
			await bulk.end();
		} catch (thrown) {
			const error = asSwarmError(thrown, "answer a bulk transfer");
			bulk.abort(error);
			throw error;
		}
	}

	/** Its next connection may come from another place. */
	forget(peer: NodeId): void {
		this.#avoided.delete(peer);
	}

	stop(): Promise<void> {
		return this.#thread.stop();
	}

	/** The talk within its time; what failed leaves neither stream nor socket. */
	async #agree(
		stream: MeshStream,
		signal: AbortSignal,
		talk: (pipe: MessagePipe) => Promise<BulkLine>,
	): Promise<Agreed> {
		try {
			return await withinMs(this.#options.clock, OPEN_MS_MAX, signal, async (limit) => {
				const pipe = messagesOver(stream, WHAT, limit);
				return { line: await talk(pipe), pipe };
			});
		} catch (thrown) {
			const error = asSwarmError(thrown, `finish ${WHAT}`);
			stream.abort(error);
			throw error;
		}
	}

	/** This side opens and sends. */
	#offer(pipe: MessagePipe, to: NodeId, protocol: string): Promise<BulkLine> {
		return this.#listening(pipe, to, protocol, async () => {
			const { kind, fields } = await pipe.read(MESSAGE_BYTES_MAX);
			if (kind !== "ready") throw refusalIn(kind, fields[0]);
		});
	}

	/** The peer opened and receives. */
	#give(pipe: MessagePipe, peer: NodeId, protocol: string): Promise<BulkLine> {
		return this.#listening(pipe, peer, protocol, async () => {});
	}

	async #listening(
		pipe: MessagePipe,
		peer: NodeId,
		protocol: string,
		answered: () => Promise<void>,
	): Promise<BulkLine> {
		const secret = this.#options.chance.bytes(BULK_SECRET_BYTES);
		const line = this.#thread.listen(peer, this.#options.listenHost, secret);
		return await orCut(line, async () => {
			await pipe.write("offer", protocol, await line.listening, secret);
			await answered();
			await line.connected;
		});
	}

	/** This side opens and receives. */
	async #ask(
		pipe: MessagePipe,
		{ to, host, protocol }: { readonly to: NodeId; readonly host: string; readonly protocol: string },
	): Promise<BulkLine> {
		await pipe.write("ask", protocol);
		return await this.#dial(await pipe.read(MESSAGE_BYTES_MAX), to, host);
	}

	/** The peer opened and sends. */
	async #dialBack(pipe: MessagePipe, offer: Message, { peer }: MeshStream, host: string): Promise<BulkLine> {
		try {
			const line = await this.#dial(offer, peer, host);
			return await orCut(line, () => pipe.write("ready"));
		} catch (thrown) {
			const error = asSwarmError(thrown, "dial");
			await pipe.write("unreached", error.message.slice(0, MESSAGE_BYTES_MAX / 2));
			throw error;
		}
	}

	async #dial({ kind, fields }: Message, peer: NodeId, host: string): Promise<BulkLine> {
		if (kind !== "offer") throw refusalIn(kind, fields[0]);
		const port = integerOf(fields[1], `${WHAT}: port`, 1, 65_535);
		const secret = bytesOf(fields[2], `${WHAT}: secret`, BULK_SECRET_BYTES, BULK_SECRET_BYTES);
		const line = this.#thread.dial(peer, { host, port }, secret);
		return await orCut(line, () => line.connected);
	}

	#crowd(peer: NodeId): string | null {
		if (this.#thread.count(null) >= BULK_SOCKETS_MAX) return `${BULK_SOCKETS_MAX} bulk sockets are open`;
		const isMany = this.#thread.count(peer) >= BULK_SOCKETS_PER_PEER_MAX;
		return isMany ? `${BULK_SOCKETS_PER_PEER_MAX} bulk sockets of this peer are open` : null;
	}

	#isAvoided(peer: NodeId): boolean {
		const untilMs = this.#avoided.get(peer);
		return untilMs !== undefined && untilMs > this.#options.clock.monotonicMs();
	}

	#avoid(peer: NodeId): void {
		const oldest = this.#avoided.size >= AVOIDED_MAX ? this.#avoided.keys().next().value : undefined;
		if (oldest !== undefined) this.#avoided.delete(oldest);
		this.#avoided.set(peer, this.#options.clock.monotonicMs() + AVOID_MS);
	}
}

async function orCut(line: BulkLine, work: () => Promise<void>): Promise<BulkLine> {
	try {
		await work();
		return line;
	} catch (thrown) {
		line.cut();
		throw thrown;
	}
}

/** Tells the peer; what is to be thrown. */
async function refused(pipe: MessagePipe, reason: string): Promise<SwarmError> {
	await pipe.write("refused", reason.slice(0, MESSAGE_BYTES_MAX / 2));
	return new SwarmError("refused", `Cannot take a bulk transfer: ${reason}`);
}

function refusalIn(kind: string, reason: Message["fields"][number] | undefined): SwarmError {
	if (kind !== "refused" && kind !== "unreached")
		return new SwarmError("corrupt", `Cannot finish ${WHAT}: "${kind}" is not known here`);
	const code = kind === "refused" ? "refused" : "unreachable";
	return new SwarmError(code, `The peer cannot: ${textOf(reason, `${kind}.reason`, MESSAGE_BYTES_MAX)}`);
}
