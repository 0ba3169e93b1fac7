// The one place that makes a libp2p node: TCP, noise, yamux and nothing else. No identify, no ping, no discovery: what
// is not registered cannot answer a stranger, and our own protocols know all that they need.
// Must never: start a service that answers before admission.
//
// Every value below replaces a default that breaks a small mesh (measured with libp2p 3.3.11).

import type { KeyObject } from "node:crypto";
import type { Socket } from "node:net";
import type { Connection, ConnectionEncrypter, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { createLibp2p, type Libp2p, type Libp2pOptions } from "libp2p";
import { SwarmError } from "../errors.js";
import type { NodeId } from "../model.js";
import { libp2pKeyOf } from "./identity.js";
import { noteNoise } from "./lane.js";
import { STREAM_READ_BUFFER_BYTES, STREAM_WINDOW_BYTES } from "./libp2p-stream.js";

export const CONNECTIONS_MAX = 512;
/** Streams of one protocol on one connection, each way (libp2p's defaults are 32 and 64). */
export const STREAMS_PER_PROTOCOL_MAX = 128;
/** One more than may come: it is what costs the peer its connection. */
export const STREAM_LIMITS = {
	maxInboundStreams: STREAMS_PER_PROTOCOL_MAX + 1,
	maxOutboundStreams: STREAMS_PER_PROTOCOL_MAX,
};
/** Streams of one peer on one connection, all protocols together. */
export const STREAMS_PER_CONNECTION_MAX = 512;
/** The default of 5 a second and address refuses 11 of 16 nodes that start on one address. */
const INBOUND_PER_SECOND_AND_ADDRESS = 100;
/** Connections that are still in the noise handshake. */
const HANDSHAKES_MAX = 128;
const HANDSHAKE_MS_MAX = 8_000;
const ADDRESS_DIAL_MS_MAX = 5_000;

/** What a test may make smaller, to go over it in seconds. */
export interface ConnectionLimits {
	readonly connectionsMax: number;
	readonly inboundPerSecondAndAddress: number;
	readonly handshakesMax: number;
	readonly handshakeMsMax: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
	connectionsMax: CONNECTIONS_MAX,
	inboundPerSecondAndAddress: INBOUND_PER_SECOND_AND_ADDRESS,
	handshakesMax: HANDSHAKES_MAX,
	handshakeMsMax: HANDSHAKE_MS_MAX,
};

export type { Connection, Libp2p, Stream };

/** Not started; without an address it listens nowhere. */
export async function createLibp2pNode(
	privateKey: KeyObject,
	listenMultiaddr: string | null,
	limits: ConnectionLimits = CONNECTION_LIMITS,
): Promise<Libp2p> {
	return createLibp2p(libp2pOptions(privateKey, listenMultiaddr, limits));
}

/** How it is made: also for what is measured against it. */
export function libp2pOptions(
	privateKey: KeyObject,
	listenMultiaddr: string | null,
	limits: ConnectionLimits = CONNECTION_LIMITS,
): Libp2pOptions {
	return {
		start: false,
		privateKey: libp2pKeyOf(privateKey),
		nodeInfo: { userAgent: "swarm" },
		addresses: { listen: listenMultiaddr === null ? [] : [listenMultiaddr] },
		transports: [tcp()],
		connectionEncrypters: [(components) => onWholeMessages(noise()(components))],
		streamMuxers: [
			yamux({
				maxInboundStreams: STREAMS_PER_CONNECTION_MAX,
				maxOutboundStreams: STREAMS_PER_CONNECTION_MAX,
				// peer-channel.ts keeps links alive, and cuts those that are silent.
				enableKeepAlive: false,
				streamOptions: {
					initialStreamWindowSize: STREAM_WINDOW_BYTES,
					maxStreamWindowSize: STREAM_WINDOW_BYTES,
					maxReadBufferLength: STREAM_READ_BUFFER_BYTES,
				},
			}),
		],
		connectionManager: {
			maxConnections: limits.connectionsMax,
			inboundConnectionThreshold: limits.inboundPerSecondAndAddress,
			maxIncomingPendingConnections: limits.handshakesMax,
			inboundUpgradeTimeout: limits.handshakeMsMax,
			addressDialTimeout: ADDRESS_DIAL_MS_MAX,
			reconnectRetries: 0,
		},
		// It cuts links that are merely busy; peer-channel.ts and liveness.ts watch instead.
		connectionMonitor: { enabled: false },
		connectionGater: { denyDialMultiaddr: () => false },
	};
}

/**
 * noise gives each message in two pieces, its length and the rest, and @libp2p/tcp 11 sends every piece as a packet of its own: both
 * ends did everything twice. Now the pieces that are there leave together.
 */
function onWholeMessages<Encrypter extends ConnectionEncrypter>(encrypter: Encrypter): Encrypter {
	const outbound = encrypter.secureOutbound.bind(encrypter);
	const inbound = encrypter.secureInbound.bind(encrypter);
	encrypter.secureOutbound = async (connection, options) =>
		withLane(connection, calm(await outbound(corked(connection), options)));
	encrypter.secureInbound = async (connection, options) =>
		withLane(connection, calm(await inbound(corked(connection), options)));
	return encrypter;
}

function withLane<Secured extends { readonly connection: object }>(tcpConnection: object, secured: Secured): Secured {
	noteNoise(tcpConnection, secured.connection);
	return secured;
}

interface NoiseConnection {
	decoder: { lengthDecoder: (bytes: Pieces) => number };
}

/** What its decoder waits for when there is no length yet. */
const NO_LENGTH = new RangeError("less than two bytes");

/**
 * After each message noise's decoder looks for the next one, and finds that there is none by an error with a stack, which cost as
 * much as deciphering a small message.
 */
function calm<Secured extends { readonly connection: object }>(secured: Secured): Secured {
	const { decoder } = secured.connection as Partial<NoiseConnection>;
	if (decoder === undefined) return secured;
	decoder.lengthDecoder = (bytes) => {
		if (bytes.byteLength < 2) throw NO_LENGTH;
		return bytes.get(0) * 256 + bytes.get(1);
	};
	return secured;
}

/** Pieces that are no larger together become one: copying costs less than what Node and the kernel do for each. */
const COPIED_BYTES_MAX = 16 * 1024;

/** Of a Uint8ArrayList. */
interface Pieces {
	readonly byteLength: number;
	get(index: number): number;
	subarray(): Uint8Array;
	[Symbol.iterator](): Iterator<Uint8Array>;
}

interface TcpConnection {
	readonly socket: Socket;
	sendData(data: Pieces): { readonly sentBytes: number; readonly canSendMore: boolean };
}

/** All of it also where the socket asks to wait: half of a message must not stay behind while a packet of a lane goes out (lane.ts). */
function corked<C>(connection: C): C {
	const tcpConnection = connection as Partial<TcpConnection>;
	const { socket, sendData } = tcpConnection;
	if (socket === undefined || sendData === undefined) return connection;
	tcpConnection.sendData = (data) => {
		const sentBytes = data.byteLength;
		if (sentBytes <= COPIED_BYTES_MAX) return { sentBytes, canSendMore: socket.write(data.subarray()) };
		let canSendMore = true;
		socket.cork();
		for (const piece of data) canSendMore = socket.write(piece);
		socket.uncork();
		return { sentBytes, canSendMore };
	};
	return connection;
}

/** Code `conflict` when the port is taken, `usage` when the address is not of this machine, `failed` otherwise. */
export async function startLibp2pNode(libp2p: Libp2p, listen: string): Promise<void> {
	try {
		await libp2p.start();
	} catch (cause) {
		const text = errorsIn(cause).join("; ");
		if (text.includes("EADDRINUSE")) {
			const message = `Cannot listen on ${listen}: the port is taken, stop what uses it or choose another with --listen`;
			throw new SwarmError("conflict", message, { cause });
		}
		if (text.includes("EADDRNOTAVAIL")) {
			const message = `Cannot listen on ${listen}: the address is not one of this machine, give one that is with --listen`;
			throw new SwarmError("usage", message, { cause });
		}
		throw new SwarmError("failed", `Cannot listen on ${listen}: ${text}`, { cause });
	}
}

/** Cuts the connection, and throws, when its peer has more than STREAMS_PER_PROTOCOL_MAX streams of the protocol open here. */
export function refuseStreams(connection: Connection, protocol: string): void {
	const open = connection.streams.filter((one) => one.protocol === protocol && one.direction === "inbound");
	if (open.length <= STREAMS_PER_PROTOCOL_MAX) return;
	const error = new SwarmError(
		"too-large",
		`Cannot answer ${protocol}: over ${STREAMS_PER_PROTOCOL_MAX} streams are open`,
	);
	connection.abort(error);
	throw error;
}

export function peerOf(connection: Connection): NodeId {
	return connection.remotePeer.toString() as NodeId;
}

/** The remote IP address, for limits and logs. */
export function hostOf(connection: Connection): string {
	return connection.remoteAddr.getComponents()[0]?.value ?? "unknown";
}

/** All messages of an error, of those that it collects and of their causes. */
export function errorsIn(thrown: unknown): readonly string[] {
	if (thrown instanceof AggregateError) return thrown.errors.flatMap(errorsIn);
	if (!(thrown instanceof Error)) return [String(thrown)];
	const nested = "errors" in thrown && thrown.errors instanceof Map ? [...thrown.errors.values()].flat() : [];
	return [thrown.message, ...nested.flatMap(errorsIn)];
}
