// The port to peers. Real adapter: mesh/libp2p-mesh.ts; simulated adapter: test/cluster/sim. Both pass
// test/mesh/contract.ts.
//
// What may be assumed: every peer seen here is an admitted member (it proved a certificate of this cluster before any
// other protocol answered). Frames from one peer arrive in the order sent, at most once, or not at all: a frame can be
// lost whenever a connection ends, so whoever needs certainty repairs (anti-entropy). Streams are ordered and end
// with `end` or an error; their bytes are encrypted and authenticated.
// Not guaranteed: that a peer in `peers()` still answers.

import type { SwarmError } from "../errors.js";
import type { NodeId, NodeRole } from "../model.js";

/** Not 7946, which Docker's swarm mode, Consul and Serf take. */
export const MESH_PORT_DEFAULT = 7749;

/** Largest frame of `broadcast` and `send`; a larger one from a peer costs it the connection. */
export const FRAME_BYTES_MAX = 1024 * 1024;

/** Planes of small frames. `state`: signed envelopes. `heartbeat`: NodeSample and incarnation. `digest`: hash of the state held. `lease`: who may run. `consent`: who votes on leases. */
export type FramePlane = "state" | "heartbeat" | "digest" | "lease" | "consent";

export interface MeshStream {
	readonly peer: NodeId;
	/** Next bytes in arrival order; null at the end. Reading slowly pauses the sender. */
	read(): Promise<Uint8Array | null>;
	/** As `read`, into memory of the caller; 0 at the end. Only on streams that need no memory of their own for it. */
	readInto?(target: Uint8Array): Promise<number>;
	/** Resolves when more may be written (back-pressure). The buffer must not be changed afterwards, unless the stream `copies`. */
	write(bytes: Uint8Array): Promise<void>;
	/** Writes at once, where there is room for it; false: nothing was written. Throws as `write` rejects. */
	writeNow?(bytes: Uint8Array): boolean;
	/** What `write` was given is the caller's again when it has resolved. */
	readonly copies?: boolean;
	/** No more writes; the peer reads null after the last byte. Reading goes on. */
	end(): Promise<void>;
	/** Ends both directions at once; the peer's read rejects. */
	abort(reason: Error): void;
}

export type StreamHandler = (stream: MeshStream) => Promise<void>;

export interface HandleOptions {
	readonly readers?: boolean;
	readonly bulk?: boolean;
}

export interface OpenOptions {
	readonly bulk?: "sending" | "receiving" | null;
}

export interface PeerEvent {
	readonly kind: "connected" | "disconnected";
	readonly node: NodeId;
}

export interface Mesh {
	readonly self: NodeId;
	/** Multiaddrs that others can dial, with `/p2p/<self>`. */
	addresses(): readonly string[];
	/** Connected, admitted members. */
	peers(): readonly NodeId[];
	/** To every connected peer; never waits: a peer whose queue is full loses the frame. */
	broadcast(plane: FramePlane, frame: Uint8Array): void;
	send(to: NodeId, plane: FramePlane, frame: Uint8Array): void;
	onFrame(plane: FramePlane, listener: (from: NodeId, frame: Uint8Array) => void): () => void;
	onPeer(listener: (event: PeerEvent) => void): () => void;
	/**
	 * Answers streams of `protocol` (`/swarm/<name>/<major>`); a handler that throws aborts its stream, `corrupt` and `too-large`
	 * count as complaints. A reader is refused unless `readers` lets it in. `bulk`: peers may open it as a bulk stream too.
	 */
	handle(protocol: string, handler: StreamHandler, options?: HandleOptions): void;
	/** As its certificate says; `reader`, which may do least, for a node that is not connected. */
	roleOf(node: NodeId): NodeRole;
	/**
	 * Code `unreachable` when there is no connection and none can be made. `bulk`: most bytes go that way, and there are many: a socket of its
	 * own, where the peer answers the protocol so and can be reached, else an ordinary stream.
	 */
	open(to: NodeId, protocol: string, signal: AbortSignal, options?: OpenOptions): Promise<MeshStream>;
	/** What the peer sent could not be taken (`corrupt` or `too-large`): with too many of these it loses its connection (breaches.ts). */
	complain(peer: NodeId, error: SwarmError): void;
	/** Members to keep connected; called again whenever the set changes. Redials with back-off and jitter. */
	keepConnected(members: readonly { readonly node: NodeId; readonly addresses: readonly string[] }[]): void;
	stop(): Promise<void>;
}
