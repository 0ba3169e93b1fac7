// Streams between members: who answers which protocol, and opening one at a peer. Must never hand a stream of an unproved peer, or one
// that is not for readers, to a handler.

import { asSwarmError, SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { NodeId, NodeRole } from "../model.js";
import { closedWithin, unreachable } from "./dialling.js";
import type { Doorkeeper, Link } from "./doorkeeper.js";
import {
	type Connection,
	errorsIn,
	hostOf,
	type Libp2p,
	peerOf,
	refuseStreams,
	STREAM_LIMITS,
	type Stream,
} from "./libp2p-node.js";
import { meshStreamOf } from "./libp2p-stream.js";
import type { MeshStream, StreamHandler } from "./mesh.js";

/** A stream that could not be opened because its link was just closing is opened on the next one. */
const OPEN_ATTEMPTS_MAX = 3;
/** How long a link that refused a stream may take to turn out as closing. */
const CLOSING_MS_MAX = 1_000;

export interface MeshStreamsOptions {
	readonly self: NodeId;
	readonly libp2p: Libp2p;
	readonly doorkeeper: Doorkeeper;
	readonly logger: Logger;
	/** The best link to a peer, made where there is none; code `unreachable`. */
	linkTo(to: NodeId, protocol: string, signal: AbortSignal): Promise<Link>;
	roleOf(node: NodeId): NodeRole;
	complain(peer: NodeId, error: SwarmError): void;
	stopped(): boolean;
}

/** `host`: the address of the peer as its connection has it. */
export interface OpenedStream {
	readonly stream: MeshStream;
	readonly host: string;
}

export class MeshStreams {
	readonly #options: MeshStreamsOptions;

	constructor(options: MeshStreamsOptions) {
		this.#options = options;
	}

	/** `handler` also gets the address that the peer's connection has. */
	handle(protocol: string, handler: (stream: MeshStream, host: string) => Promise<void>): void {
		const { libp2p, logger, stopped } = this.#options;
		const answer = (stream: Stream, connection: Connection) => void this.#answer(protocol, handler, stream, connection);
		libp2p.handle(protocol, answer, STREAM_LIMITS).catch((thrown) => {
			if (!stopped()) logger.error("a protocol is not answered", { protocol, reason: String(thrown) });
		});
	}

	notForReaders(protocol: string, handler: StreamHandler): StreamHandler {
		return async (stream) => {
			if (this.#options.roleOf(stream.peer) !== "reader") return handler(stream);
			throw new SwarmError("refused", `Cannot answer ${protocol}: ${stream.peer} is a reader`);
		};
	}

	async open(to: NodeId, protocol: string, signal: AbortSignal): Promise<OpenedStream> {
		signal.throwIfAborted();
		const { self, linkTo } = this.#options;
		if (to === self) throw new SwarmError("usage", `Cannot open ${protocol}: ${to} is this node itself`);
		for (let attempt = 1; ; attempt++) {
			const { connection } = await linkTo(to, protocol, signal);
			try {
				const stream = await connection.newStream(protocol, { ...STREAM_LIMITS, signal });
				return { stream: meshStreamOf(stream, to), host: hostOf(connection) };
			} catch (thrown) {
				signal.throwIfAborted();
				if (thrown instanceof Error && thrown.name === "UnsupportedProtocolError") {
					const message = `Cannot open ${protocol} at ${to}: it does not speak it`;
					throw new SwarmError("unsupported", message, { cause: thrown });
				}
				// The peer may have closed this link just now, because it found a better one or started again.
				const closes = attempt < OPEN_ATTEMPTS_MAX && (await closedWithin(connection, CLOSING_MS_MAX, signal));
				if (!closes) throw unreachable(to, protocol, errorsIn(thrown).join("; "), thrown);
			}
		}
	}

	async #answer(
		protocol: string,
		handler: (stream: MeshStream, host: string) => Promise<void>,
		stream: Stream,
		connection: Connection,
	): Promise<void> {
		const { doorkeeper, logger, complain } = this.#options;
		try {
			const link = await doorkeeper.linkFor(connection, protocol);
			refuseStreams(connection, protocol);
			await handler(meshStreamOf(stream, link.peer), hostOf(connection));
		} catch (thrown) {
			const error = asSwarmError(thrown, `answer ${protocol}`);
			logger.debug("a stream was aborted", { protocol, peer: peerOf(connection), reason: error.message });
			stream.abort(error);
			complain(peerOf(connection), error);
		}
	}
}
