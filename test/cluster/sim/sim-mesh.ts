// The mesh port over simulated links: frames arrive in order after a delay, at most once, or are lost; streams are ordered and
// break with their connection. Links can be cut in one or both directions. Must never: deliver to or from a killed daemon.

import { systemClock } from "../../../src/clock.js";
import { SwarmError } from "../../../src/errors.js";
import { createBreaches } from "../../../src/mesh/breaches.js";
import type { FramePlane, Mesh, MeshStream, PeerEvent, StreamHandler } from "../../../src/mesh/mesh.js";
import { FRAME_BYTES_MAX } from "../../../src/mesh/mesh.js";
import type { NodeId } from "../../../src/model.js";
import type { SimChance } from "./sim-chance.js";
import type { SimProcess } from "./sim-process.js";
import { createStreamPair, type SimStream } from "./sim-stream.js";
import type { Timeline } from "./timeline.js";

export interface LinkQuality {
	readonly delayMsMin: number;
	readonly delayMsMax: number;
	/** Probability that a frame is lost although the connection lives. */
	readonly frameLoss: number;
	/** Probabilities that a frame arrives twice, and that it does not keep its place among the others. */
	readonly frameTwice: number;
	readonly frameAstray: number;
}

/** A frame on its way, for checkers. */
export interface SimFrame {
	readonly from: NodeId;
	readonly to: NodeId;
	readonly plane: FramePlane;
	readonly bytes: Uint8Array;
}

export interface SimNetwork {
	/** A mesh for one life of a daemon; its peers see it come, and go when it is killed. */
	join(node: NodeId, process: SimProcess): Mesh;
	/** Cuts one direction; both ends notice after a while. */
	cut(from: NodeId, to: NodeId): void;
	heal(from: NodeId, to: NodeId): void;
	healAll(): void;
	isCut(from: NodeId, to: NodeId): boolean;
	/** Whether the two have a working connection, as a checker may ask. */
	isConnected(a: NodeId, b: NodeId): boolean;
	/** Rises whenever a cut or a connection changes. */
	changes(): number;
	/** Ends the connection; it is made again after a back-off when both want it. */
	breakConnection(a: NodeId, b: NodeId): void;
	setQuality(quality: LinkQuality): void;
	/** Members that `keepConnected` was not asked for are connected all the same. */
	connectEverybody(): void;
	/** Called for every frame that is sent. */
	onSend: (frame: SimFrame) => void;
}

interface Endpoint {
	readonly node: NodeId;
	readonly process: SimProcess;
	readonly frames: Map<FramePlane, Set<(from: NodeId, frame: Uint8Array) => void>>;
	readonly peerListeners: Set<(event: PeerEvent) => void>;
	readonly handlers: Map<string, StreamHandler>;
	wanted: ReadonlySet<NodeId>;
}

interface Connection {
	readonly a: Endpoint;
	readonly b: Endpoint;
	readonly streams: Set<SimStream>;
	/** Earliest time of the next arrival, by direction, so that order is kept. */
	readonly nextArrivalMs: Map<Endpoint, number>;
}

/** A cut is noticed by keep-alive after this long. */
const NOTICE_MS_MIN = 2000;
const NOTICE_MS_MAX = 8000;
const REDIAL_MS_MIN = 200;
const REDIAL_MS_MAX = 1500;

export const GOOD_LINKS: LinkQuality = {
	delayMsMin: 0.5,
	delayMsMax: 15,
	frameLoss: 0,
	frameTwice: 0,
	frameAstray: 0,
};

export function createSimNetwork(timeline: Timeline, chance: SimChance): SimNetwork {
	const endpoints = new Map<NodeId, Endpoint>();
	const connections = new Map<string, Connection>();
	const cuts = new Set<string>();
	const dials = new Set<string>();
	let everybody = false;
	let changes = 0;
	let quality: LinkQuality = GOOD_LINKS;

	const isCut = (from: NodeId, to: NodeId) => cuts.has(`${from}>${to}`);
	const connectionOf = (a: NodeId, b: NodeId) => connections.get(pairOf(a, b)) ?? null;

	const tell = (endpoint: Endpoint, kind: PeerEvent["kind"], node: NodeId) => {
		if (!endpoint.process.isAlive()) return;
		for (const listener of [...endpoint.peerListeners]) listener({ kind, node });
	};

	const disconnect = (a: NodeId, b: NodeId) => {
		const connection = connectionOf(a, b);
		if (connection === null) return;
		connections.delete(pairOf(a, b));
		changes += 1;
		for (const stream of [...connection.streams]) stream.breakOff("the connection ended");
		tell(connection.a, "disconnected", connection.b.node);
		tell(connection.b, "disconnected", connection.a.node);
		dial(a, b);
	};

	const wants = (a: NodeId, b: NodeId) =>
		everybody || endpoints.get(a)?.wanted.has(b) === true || endpoints.get(b)?.wanted.has(a) === true;

	const connect = (a: NodeId, b: NodeId): Connection | null => {
		const known = connectionOf(a, b);
		const [one, other] = [endpoints.get(a), endpoints.get(b)];
		if (known !== null || one === undefined || other === undefined || isCut(a, b) || isCut(b, a)) return known;
		if (!one.process.isAlive() || !other.process.isAlive()) return null;
		const connection: Connection = { a: one, b: other, streams: new Set(), nextArrivalMs: new Map() };
		connections.set(pairOf(a, b), connection);
		changes += 1;
		tell(one, "connected", b);
		tell(other, "connected", a);
		return connection;
	};

	/** Keeps trying while either end wants it. */
	const dial = (a: NodeId, b: NodeId) => {
		const pair = pairOf(a, b);
		if (dials.has(pair) || a === b || connections.has(pair) || !wants(a, b)) return;
		dials.add(pair);
		timeline.after(chance.between(REDIAL_MS_MIN, REDIAL_MS_MAX), () => {
			dials.delete(pair);
			if (endpoints.has(a) && endpoints.has(b) && connect(a, b) === null) dial(a, b);
		});
	};

	/** Calls `deliver` at the far end, in order, unless the direction is cut or the connection ends before. */
	const carry = (connection: Connection, to: Endpoint, deliver: () => unknown, lose: () => void = () => {}) => {
		const from = to === connection.a ? connection.b : connection.a;
		const atMs = Math.max(
			timeline.nowMs() + chance.between(quality.delayMsMin, quality.delayMsMax),
			connection.nextArrivalMs.get(to) ?? 0,
		);
		connection.nextArrivalMs.set(to, atMs);
		timeline.after(atMs - timeline.nowMs(), () => {
			const isCurrent = connectionOf(from.node, to.node) === connection;
			if (isCurrent && !isCut(from.node, to.node) && to.process.isAlive()) deliver();
			else lose();
		});
	};

	/** The same without a place among the others, and up to ten times as late. */
	const carryAstray = (connection: Connection, to: Endpoint, deliver: () => void) => {
		const from = to === connection.a ? connection.b : connection.a;
		timeline.after(chance.between(quality.delayMsMin, 10 * quality.delayMsMax), () => {
			const isCurrent = connectionOf(from.node, to.node) === connection;
			if (isCurrent && !isCut(from.node, to.node) && to.process.isAlive()) deliver();
		});
	};

	const sendFrame = (from: Endpoint, to: NodeId, plane: FramePlane, frame: Uint8Array) => {
		const connection = connectionOf(from.node, to);
		if (connection === null || !from.process.isAlive()) return;
		const target = connection.a === from ? connection.b : connection.a;
		const bytes = frame.slice();
		network.onSend({ from: from.node, to, plane, bytes });
		if (chance.happens(quality.frameLoss)) return;
		const deliver = () => {
			for (const listener of [...(target.frames.get(plane) ?? [])]) listener(from.node, bytes);
		};
		if (chance.happens(quality.frameTwice)) carryAstray(connection, target, deliver);
		if (chance.happens(quality.frameAstray)) carryAstray(connection, target, deliver);
		else carry(connection, target, deliver);
	};

	/** Resolves when the far end has answered that it speaks the protocol. */
	const openStream = (from: Endpoint, to: NodeId, protocol: string): Promise<MeshStream> => {
		if (to === from.node) throw new SwarmError("usage", "Cannot open a stream: a node does not dial itself");
		const connection = connectionOf(from.node, to) ?? connect(from.node, to);
		if (connection === null) throw new SwarmError("unreachable", `Cannot reach ${to}: there is no connection`);
		const target = connection.a === from ? connection.b : connection.a;
		return new Promise((resolve, reject) => {
			// Bytes of a stream never get lost alone: nothing after them arrives, and the stream breaks.
			let isBroken = false;
			const breakOff = (why: string) => {
				for (const end of pair) end.breakOff(why);
				connection.streams.delete(near);
				reject(new SwarmError("unreachable", `Cannot reach ${to}: ${why}`));
			};
			const lose = () => {
				if (isBroken) return;
				isBroken = true;
				timeline.after(chance.between(NOTICE_MS_MIN, NOTICE_MS_MAX), () => breakOff("the stream timed out"));
			};
			const carryBytes = (side: NodeId, deliver: () => void) =>
				carry(connection, side === from.node ? from : target, () => isBroken || deliver(), lose);
			const pair = createStreamPair(from.node, to, carryBytes);
			const [near, far] = [{ stream: pair[0].stream, breakOff }, pair[1]];
			connection.streams.add(near);
			carryBytes(to, () => {
				const handler = target.handlers.get(protocol);
				if (handler === undefined) {
					const unsupported = new SwarmError("unsupported", `Cannot open a stream: ${to} does not speak ${protocol}`);
					carryBytes(from.node, () => reject(unsupported));
					return;
				}
				carryBytes(from.node, () => resolve(near.stream));
				handler(far.stream).catch((thrown) => far.stream.abort(thrown));
			});
		});
	};

	const join = (node: NodeId, process: SimProcess): Mesh => {
		const self: Endpoint = {
			node,
			process,
			frames: new Map(),
			peerListeners: new Set(),
			handlers: new Map(),
			wanted: new Set(),
		};
		endpoints.set(node, self);
		const leave = () => {
			for (const other of endpoints.keys()) disconnect(node, other);
			if (endpoints.get(node) === self) endpoints.delete(node);
		};
		process.onKill(leave);
		const redial = () => {
			for (const other of endpoints.keys()) dial(node, other);
		};
		redial();
		const breaches = createBreaches({ ...systemClock, nowMs: timeline.nowMs, monotonicMs: timeline.nowMs });
		const checkFrame = (frame: Uint8Array) => {
			if (frame.length > FRAME_BYTES_MAX)
				throw new SwarmError("too-large", `Cannot send ${frame.length} bytes: at most ${FRAME_BYTES_MAX} are allowed`);
		};
		return {
			self: node,
			addresses: () => [`/memory/${node}/p2p/${node}`],
			peers: () =>
				[...connections.values()]
					.filter(({ a, b }) => a === self || b === self)
					.map(({ a, b }) => (a === self ? b.node : a.node))
					.sort(),
			broadcast(plane, frame) {
				checkFrame(frame);
				for (const to of this.peers()) sendFrame(self, to, plane, frame);
			},
			send(to, plane, frame) {
				checkFrame(frame);
				sendFrame(self, to, plane, frame);
			},
			onFrame(plane, listener) {
				const listeners = self.frames.get(plane) ?? new Set();
				self.frames.set(plane, listeners.add(listener));
				return () => void listeners.delete(listener);
			},
			onPeer(listener) {
				self.peerListeners.add(listener);
				return () => void self.peerListeners.delete(listener);
			},
			handle: (protocol, handler) => void self.handlers.set(protocol, handler),
			roleOf: () => "member",
			open: (to, protocol, signal) =>
				process.isAlive()
					? process.answer(untilAborted(async () => openStream(self, to, protocol), signal))
					: new Promise(() => {}),
			complain(peer, error) {
				if (breaches.count(peer, error)) disconnect(node, peer);
			},
			keepConnected(members) {
				self.wanted = new Set(members.map((member) => member.node).filter((member) => member !== node));
				redial();
			},
			async stop() {
				leave();
			},
		};
	};

	/** A silent direction is noticed by keep-alive, unless it is healed before. */
	const noticeLater = (from: NodeId, to: NodeId) => {
		timeline.after(chance.between(NOTICE_MS_MIN, NOTICE_MS_MAX), () => {
			if (isCut(from, to)) disconnect(from, to);
		});
	};

	const network: SimNetwork = {
		onSend: () => {},
		join,
		cut(from, to) {
			if (cuts.has(`${from}>${to}`)) return;
			cuts.add(`${from}>${to}`);
			changes += 1;
			noticeLater(from, to);
		},
		heal(from, to) {
			cuts.delete(`${from}>${to}`);
			changes += 1;
		},
		healAll() {
			cuts.clear();
			changes += 1;
		},
		changes: () => changes,
		isCut,
		isConnected: (a, b) => connectionOf(a, b) !== null && !isCut(a, b) && !isCut(b, a),
		breakConnection: disconnect,
		setQuality(next) {
			quality = next;
		},
		connectEverybody() {
			everybody = true;
			for (const a of endpoints.keys()) for (const b of endpoints.keys()) dial(a, b);
		},
	};
	return network;
}

function untilAborted<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
	return new Promise((resolve, reject) => {
		if (signal.aborted) return reject(signal.reason);
		const onAbort = () => reject(signal.reason);
		signal.addEventListener("abort", onAbort, { once: true });
		work()
			.then(resolve, reject)
			.finally(() => signal.removeEventListener("abort", onAbort));
	});
}

function pairOf(a: NodeId, b: NodeId): string {
	return a < b ? `${a}|${b}` : `${b}|${a}`;
}
