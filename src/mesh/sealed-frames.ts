// `/swarm/frames/2`: the frames of one way in packets beside noise (lane.ts). Over a mesh stream, which is encrypted and whose peer is known, the sender
// tells a secret made for this stream, and hears that the other end is ready; then its packets are sealed by keys from it. The stream stays open as
// long as frames may come, and its end is theirs:
//   sender → secret(32 bytes)     receiver → ready
// Must never: use a secret twice, hand on a byte that the peer did not seal, in this place and for this stream.

import type { Stream } from "@libp2p/interface";
import type { Chance, Clock } from "../clock.js";
import { asSwarmError, SwarmError } from "../errors.js";
import { bulkAead } from "./bulk/bulk-cipher.js";
import { FrameWay } from "./bulk/bulk-frames.js";
import { WAY_SECRET_BYTES } from "./bulk/bulk-keys.js";
import type { FrameSource } from "./frame-source.js";
import type { Lane } from "./lane.js";
import { openedPacket, PACKET_TEXT_BYTES_MAX, sealedPacket } from "./lane-packets.js";
import type { MeshStream } from "./mesh.js";
import { messagesOver } from "./messages.js";
import { bytesOf } from "./wire.js";
import { withinMs } from "./within.js";

export const SEALED_FRAMES_PROTOCOL = "/swarm/frames/2";
const WHAT = "the agreement on frames";
const MESSAGE_BYTES_MAX = 128;
const AGREE_MS_MAX = 10_000;
/** Read later than this: the connection pauses. */
const UNREAD_BYTES_HIGH = 1024 * 1024;

const never = new AbortController().signal;

/** Whether this Node has what it takes to seal them. */
export function canSealFrames(): boolean {
	try {
		bulkAead();
		return true;
	} catch {
		return false;
	}
}

export interface Agreement {
	readonly clock: Clock;
	readonly chance: Chance;
	readonly lane: Lane;
}

/** The frames that this side sends, over a stream of SEALED_FRAMES_PROTOCOL that it opened. */
export async function sealedFramesTo(
	stream: Stream,
	beside: MeshStream,
	{ clock, chance, lane }: Agreement,
): Promise<MeshStream> {
	const secret = chance.bytes(WAY_SECRET_BYTES);
	await withinMs(clock, AGREE_MS_MAX, never, async (signal) => {
		const pipe = messagesOver(beside, WHAT, signal);
		await pipe.write("secret", secret);
		const { kind } = await pipe.read(MESSAGE_BYTES_MAX);
		if (kind !== "ready") throw new SwarmError("corrupt", `Cannot finish ${WHAT}: "${kind}" is not known here`);
	});
	const way = new FrameWay(secret);
	const send = (text: Uint8Array) => {
		if (stream.status !== "open")
			throw new SwarmError("unreachable", `Cannot send frames to ${beside.peer}: the stream is ${stream.status}`);
		lane.send(sealedPacket(way, text));
	};
	return {
		peer: beside.peer,
		read: () => beside.read(),
		async write(bytes) {
			for (let at = 0; at < bytes.length; at += PACKET_TEXT_BYTES_MAX) {
				send(bytes.subarray(at, at + PACKET_TEXT_BYTES_MAX));
				await lane.room();
			}
		},
		writeNow(bytes) {
			if (bytes.length > PACKET_TEXT_BYTES_MAX || lane.isFull()) return false;
			send(bytes);
			return true;
		},
		end: () => beside.end(),
		abort: (reason) => beside.abort(reason),
	};
}

/** The frames that the peer sends, from a stream of SEALED_FRAMES_PROTOCOL that it opened. */
export async function sealedFramesFrom(beside: MeshStream, { clock, lane }: Agreement): Promise<FrameSource> {
	return withinMs(clock, AGREE_MS_MAX, never, async (signal) => {
		const pipe = messagesOver(beside, WHAT, signal);
		const { kind, fields } = await pipe.read(MESSAGE_BYTES_MAX);
		if (kind !== "secret") throw new SwarmError("corrupt", `Cannot finish ${WHAT}: "${kind}" is not known here`);
		const secret = bytesOf(fields[0], `${WHAT}: secret`, WAY_SECRET_BYTES, WAY_SECRET_BYTES);
		const frames = openedFrames(beside, { clock, lane }, new FrameWay(Uint8Array.from(secret)));
		await pipe.write("ready");
		return frames;
	});
}

function openedFrames(beside: MeshStream, { clock, lane }: Omit<Agreement, "chance">, way: FrameWay): FrameSource {
	/** What came before anybody took it, or may not be taken yet. */
	const held: Uint8Array[] = [];
	let heldBytes = 0;
	let take: ((bytes: Uint8Array) => number) | null = null;
	let isWaiting = false;
	let isEnded = false;
	let failure: SwarmError | null = null;
	const { promise: done, resolve, reject } = Promise.withResolvers<void>();
	// Whoever takes the frames hears of it.
	done.catch(() => {});

	const fail = (error: SwarmError) => {
		failure ??= error;
		held.length = 0;
		stop();
		reject(failure);
	};
	const give = (bytes: Uint8Array) => {
		try {
			const waitMs = take?.(bytes) ?? 0;
			if (waitMs > 0) void wait(waitMs);
		} catch (thrown) {
			fail(asSwarmError(thrown, "take frames"));
		}
	};
	const wait = async (waitMs: number) => {
		isWaiting = true;
		lane.pause();
		await clock.sleep(waitMs, never);
		isWaiting = false;
		giveHeld();
	};
	const giveHeld = () => {
		while (held.length > 0 && take !== null && !isWaiting) give(held.shift() as Uint8Array);
		if (held.length > 0 || isWaiting) return;
		heldBytes = 0;
		lane.resume();
		if (isEnded) resolve();
	};
	const stop = lane.read({
		packet(packet) {
			const text = openedPacket(way, packet);
			if (text === null) return fail(new SwarmError("corrupt", "Cannot take a packet: its peer did not seal it"));
			if (take !== null && held.length === 0 && !isWaiting) return give(text);
			held.push(text);
			heldBytes += text.length;
			if (heldBytes > UNREAD_BYTES_HIGH) lane.pause();
		},
		failed: fail,
	});
	const watchEnd = async () => {
		try {
			const more = await beside.read();
			if (more !== null) throw new SwarmError("corrupt", "Cannot take frames: they come beside the stream only");
			isEnded = true;
			stop();
			giveHeld();
		} catch (thrown) {
			fail(asSwarmError(thrown, "take frames"));
		}
	};
	void watchEnd();
	return {
		each(taker) {
			take = taker;
			giveHeld();
			return done;
		},
		end: () => beside.end(),
		abort(reason) {
			fail(asSwarmError(reason, "take frames"));
			beside.abort(reason);
		},
	};
}
