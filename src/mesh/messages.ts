// Questions and answers over one stream: each message is its length (32 bits, big-endian) and msgpack.
// Must never: read past the bound that the caller gives, outlive its signal.

import { asSwarmError, SwarmError } from "../errors.js";
import { Gathered } from "../gathered.js";
import type { MeshStream } from "./mesh.js";
import { decodeWire, encodeWire, listOf, textOf, type WireValue } from "./wire.js";

const LENGTH_BYTES = 4;
const MESSAGE_DEPTH_MAX = 4;
const FIELDS_MAX = 16;

export interface Message {
	readonly kind: string;
	readonly fields: readonly WireValue[];
}

export interface MessagePipe {
	/** The next message. Errors: `corrupt`, `too-large`, `unreachable` when the peer ended, the signal's reason. */
	read(bytesMax: number): Promise<Message>;
	write(kind: string, ...fields: readonly WireValue[]): Promise<void>;
}

/** `what` names the conversation in errors: "the admission". The stream is aborted as soon as the signal is. */
export function messagesOver(stream: MeshStream, what: string, signal: AbortSignal): MessagePipe {
	const held = new Gathered();
	const onAbort = () => stream.abort(asSwarmError(signal.reason, `finish ${what}`));
	if (signal.aborted) onAbort();
	else signal.addEventListener("abort", onAbort, { once: true });

	const take = async (count: number): Promise<Buffer> => {
		while (held.length < count) {
			const more = await stream.read();
			if (more === null) throw new SwarmError("unreachable", `Cannot finish ${what}: ${stream.peer} ended it`);
			held.add(more);
		}
		return held.take(count);
	};
	return {
		async read(bytesMax) {
			const length = (await take(LENGTH_BYTES)).readUInt32BE(0);
			if (length > bytesMax) {
				throw new SwarmError("too-large", `Cannot read ${what}: ${length} bytes, ${bytesMax} are allowed`);
			}
			const body = await take(length);
			const limits = { bytes: bytesMax, depth: MESSAGE_DEPTH_MAX, items: bytesMax };
			const [kind, ...fields] = listOf(decodeWire(body, what, limits), what, 1, FIELDS_MAX);
			return { kind: textOf(kind, `${what}: kind`, 16), fields };
		},
		async write(kind, ...fields) {
			const body = encodeWire([kind, ...fields]);
			const message = Buffer.alloc(LENGTH_BYTES + body.length);
			message.writeUInt32BE(body.length);
			message.set(body, LENGTH_BYTES);
			await stream.write(message);
		},
	};
}
