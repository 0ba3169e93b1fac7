// Which way the frames of a link go: beside noise (sealed-frames.ts) where both ends can do that, else through a stream as everything else.

import type { Connection, Stream } from "@libp2p/interface";
import type { Chance, Clock } from "../clock.js";
import { asSwarmError, SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { NodeId } from "../model.js";
import { type FrameSource, framesOfStream } from "./frame-source.js";
import { FRAMES_PROTOCOL } from "./frames.js";
import { laneOf } from "./lane.js";
import { meshStreamOf } from "./libp2p-stream.js";
import type { MeshStream } from "./mesh.js";
import { canSealFrames, SEALED_FRAMES_PROTOCOL, sealedFramesFrom, sealedFramesTo } from "./sealed-frames.js";

const OPEN_MS_MAX = 10_000;

export interface FrameStreamOptions {
	readonly clock: Clock;
	readonly chance: Chance;
	readonly logger: Logger;
}

/** What this node answers; the first that both know is used. */
export const frameProtocols: readonly string[] = canSealFrames()
	? [SEALED_FRAMES_PROTOCOL, FRAMES_PROTOCOL]
	: [FRAMES_PROTOCOL];

export function isOfFrames({ protocol }: Pick<Stream, "protocol">): boolean {
	return protocol === FRAMES_PROTOCOL || protocol === SEALED_FRAMES_PROTOCOL;
}

/** For what this side sends. */
export async function openFrames(
	connection: Connection,
	peer: NodeId,
	options: FrameStreamOptions,
): Promise<MeshStream> {
	const lane = laneOf(connection);
	const open = (protocols: readonly string[]) =>
		connection.newStream([...protocols], { signal: AbortSignal.timeout(OPEN_MS_MAX) });
	const stream = await open(lane === null ? [FRAMES_PROTOCOL] : frameProtocols);
	const plain = meshStreamOf(stream, peer);
	if (lane === null || stream.protocol !== SEALED_FRAMES_PROTOCOL) return plain;
	try {
		return await sealedFramesTo(stream, plain, { ...options, lane });
	} catch (thrown) {
		const error = asSwarmError(thrown, "seal frames");
		plain.abort(error);
		if (connection.status !== "open") throw error;
		options.logger.info("frames go through a stream", { peer, reason: error.message });
		return meshStreamOf(await open([FRAMES_PROTOCOL]), peer);
	}
}

/** What the peer sends, from the stream that it opened. Code `unsupported`: it has to open one of FRAMES_PROTOCOL. */
export async function takeFrames(
	stream: Stream,
	connection: Connection,
	peer: NodeId,
	options: FrameStreamOptions,
): Promise<FrameSource> {
	const plain = meshStreamOf(stream, peer);
	if (stream.protocol !== SEALED_FRAMES_PROTOCOL) return framesOfStream(plain, options.clock);
	const lane = laneOf(connection);
	if (lane === null) throw new SwarmError("unsupported", "Cannot take sealed frames: libp2p has no place for them");
	return sealedFramesFrom(plain, { ...options, lane });
}
