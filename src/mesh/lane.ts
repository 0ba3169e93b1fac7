// A lane: packets of ours on the TCP connection of a link, beside noise (lane-packets.ts), so that a small frame passes neither noise nor yamux nor
// four layers of events: those cost both ends more than all that is done with it. libp2p still makes the connection, proves who is at its
// other end, ends it, and carries everything else.
// Must never: take packets before somebody asked for them, keep noise from a byte of its own, hold what nobody reads.
//
// Written against libp2p 3.3, @libp2p/tcp 11, @libp2p/noise 17: where one of them is built otherwise there is no lane.

import type { Socket } from "node:net";
import type { Connection } from "@libp2p/interface";
import { asSwarmError, SwarmError } from "../errors.js";
import { type Packet, PacketSplitter } from "./lane-packets.js";

/** So much may wait in the socket before the next packet waits for it. */
const WAITING_BYTES_HIGH = 128 * 1024;

/** Who reads the packets of the peer. */
export interface LaneReader {
	packet(packet: Packet): void;
	/** The peer broke the rules of the lane: nothing more comes. */
	failed(error: SwarmError): void;
}

export interface Lane {
	/** Packets go to this reader until the function returned is called; without a reader they are lost. Code `conflict` when there is one. */
	read(reader: LaneReader): () => void;
	/** Reading slowly slows the whole connection down. */
	pause(): void;
	resume(): void;
	isFull(): boolean;
	/** Resolves when it is not full, or has ended. */
	room(): Promise<void>;
	/** The buffer must not be changed afterwards. */
	send(packet: Uint8Array): void;
}

/** What @libp2p/tcp 11 has besides the interface. */
interface TcpConnection {
	readonly socket: Socket;
	readonly readBuffer: Bytes;
	readonly readStatus: string;
	onData(bytes: Uint8Array): void;
	abort(error: Error): void;
}

/** What @libp2p/noise 17 has: `buffer` is the message that is not whole yet. */
interface NoiseConnection {
	readonly decoder: { readonly buffer: Bytes };
}

interface Bytes {
	readonly byteLength: number;
	subarray(): Uint8Array;
}

const noiseOf = new WeakMap<object, Partial<NoiseConnection>>();
const laneOfTcp = new WeakMap<object, Lane>();

/** Noise goes over this connection from now on. */
export function noteNoise(tcp: object, noise: object): void {
	noiseOf.set(tcp, noise);
}

/** null where libp2p is built otherwise than this file knows it. */
export function laneOf(connection: Connection): Lane | null {
	const tcp = (connection as unknown as { readonly maConn?: Partial<TcpConnection> }).maConn;
	if (tcp === undefined) return null;
	const buffer = noiseOf.get(tcp)?.decoder?.buffer;
	if (buffer === undefined || !isWhole(tcp)) return null;
	const known = laneOfTcp.get(tcp) ?? laneOver(tcp, buffer);
	laneOfTcp.set(tcp, known);
	return known;
}

function isWhole(tcp: Partial<TcpConnection>): tcp is TcpConnection {
	return tcp.socket !== undefined && tcp.onData !== undefined && tcp.readBuffer !== undefined;
}

function laneOver(tcp: TcpConnection, noiseBuffer: Bytes): Lane {
	const { socket } = tcp;
	let reader: LaneReader | null = null;
	let isSplit = false;
	let isPaused = false;

	/** From the first reader on: until then the peer sends nothing but noise. */
	const split = () => {
		const passOn = tcp.onData.bind(tcp);
		const given = Buffer.concat([noiseBuffer.subarray(), tcp.readBuffer.subarray()]);
		const parts = new PacketSplitter(given, { noise: passOn, packet: (packet) => reader?.packet(packet) });
		tcp.onData = (bytes) => {
			try {
				parts.take(bytes);
			} catch (thrown) {
				const error = asSwarmError(thrown, "take a packet");
				tcp.onData = () => {};
				if (reader === null) tcp.abort(error);
				else reader.failed(error);
			}
		};
	};
	const resume = () => {
		if (!isPaused) return;
		isPaused = false;
		if (tcp.readStatus !== "paused") socket.resume();
	};

	return {
		read(next) {
			if (reader !== null) throw new SwarmError("conflict", "Cannot read the lane: it is being read");
			reader = next;
			if (!isSplit) split();
			isSplit = true;
			return () => {
				if (reader === next) reader = null;
				resume();
			};
		},
		pause() {
			isPaused = true;
			socket.pause();
		},
		resume,
		isFull: () => socket.writableLength > WAITING_BYTES_HIGH,
		room() {
			if (socket.writableLength <= WAITING_BYTES_HIGH || socket.destroyed) return Promise.resolve();
			return new Promise((resolve) => {
				const done = () => {
					socket.off("drain", done).off("close", done);
					resolve();
				};
				socket.on("drain", done).on("close", done);
			});
		},
		send: (packet) => void socket.write(packet),
	};
}
