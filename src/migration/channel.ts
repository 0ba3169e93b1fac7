// Frames over one mesh stream: kind (1 byte: 1 message, 2 chunk), length (4 bytes, little endian), body. Small frames are
// gathered into one write; a chunk that was read into a framed buffer is written without a copy. Must never hold more
// than one frame of the peer.

import { SwarmError } from "../errors.js";
import { Gathered } from "../gathered.js";
import type { MeshStream } from "../mesh/mesh.js";
import { CHUNK_BYTES_MAX, decodeMessage, MESSAGE_BYTES_MAX, type MoveMessage } from "./wire.js";

const HEADER_BYTES = 5;
const MESSAGE = 1;
const CHUNK = 2;
const GATHER_BYTES = 64 * 1024;

export type Received = MoveMessage | { readonly kind: "chunk"; readonly bytes: Uint8Array };

/** A chunk with room for its header in front; `fill` gives how many bytes of it are used. */
export class ChunkBuffer {
	readonly #bytes = Buffer.allocUnsafeSlow(HEADER_BYTES + CHUNK_BYTES_MAX);
	/** Where the content goes. */
	readonly content = this.#bytes.subarray(HEADER_BYTES);

	framed(length: number): Buffer {
		writeHeader(this.#bytes, CHUNK, length);
		return this.#bytes.subarray(0, HEADER_BYTES + length);
	}
}

export class MoveChannel {
	readonly #stream: MeshStream;
	#gathered: Buffer[] = [];
	#gatheredBytes = 0;
	readonly #incoming = new Gathered();
	/** Of a stream that reads into it: used again for every frame. */
	#frame: Buffer | null = null;
	/** Bytes of chunks written, without frames. */
	chunkBytesSent = 0;

	constructor(stream: MeshStream) {
		this.#stream = stream;
	}

	/** Gathered with what follows until `flush`, unless there is enough for a write. */
	async post(message: MoveMessage): Promise<void> {
		const body = Buffer.from(JSON.stringify(message));
		if (body.length > MESSAGE_BYTES_MAX)
			throw new SwarmError(
				"too-large",
				`Cannot send ${message.kind}: ${body.length} bytes, wanted at most ${MESSAGE_BYTES_MAX}`,
			);
		const header = Buffer.allocUnsafe(HEADER_BYTES);
		writeHeader(header, MESSAGE, body.length);
		await this.#gather(header, body);
	}

	async send(message: MoveMessage): Promise<void> {
		await this.post(message);
		await this.flush();
	}

	/** Small content, copied by the caller; at most CHUNK_BYTES_MAX. */
	async sendBytes(content: Buffer): Promise<void> {
		this.chunkBytesSent += content.length;
		const header = Buffer.allocUnsafe(HEADER_BYTES);
		writeHeader(header, CHUNK, content.length);
		await this.#gather(header, content);
	}

	/** The buffer belongs to the stream afterwards. */
	async sendChunk(buffer: ChunkBuffer, length: number): Promise<void> {
		this.chunkBytesSent += length;
		await this.#gather(buffer.framed(length));
	}

	async flush(): Promise<void> {
		if (this.#gatheredBytes === 0) return;
		const [first] = this.#gathered;
		const bytes = this.#gathered.length === 1 && first !== undefined ? first : Buffer.concat(this.#gathered);
		this.#gathered = [];
		this.#gatheredBytes = 0;
		await this.#stream.write(bytes);
	}

	/** Whether a chunk's memory may be filled again after `sendChunk` and `flush`. */
	get copies(): boolean {
		return this.#stream.copies === true;
	}

	/** Next frame, whose bytes are the caller's until the next one; null at the end of the stream. Throws `corrupt` or `too-large` for what is not of the protocol. */
	async receive(): Promise<Received | null> {
		const header = await this.#take(HEADER_BYTES);
		if (header === null) return null;
		const kind = header.readUInt8(0);
		const length = header.readUInt32LE(1);
		if (kind !== MESSAGE && kind !== CHUNK)
			throw new SwarmError("corrupt", `Cannot read a move: frame of kind ${kind}, wanted ${MESSAGE} or ${CHUNK}`);
		const max = kind === MESSAGE ? MESSAGE_BYTES_MAX : CHUNK_BYTES_MAX;
		if (length > max)
			throw new SwarmError("too-large", `Cannot read a move: frame of ${length} bytes, wanted at most ${max}`);
		const body = await this.#take(length);
		if (body === null) throw new SwarmError("corrupt", "Cannot read a move: the stream ended inside a frame");
		return kind === CHUNK ? { kind: "chunk", bytes: body } : decodeMessage(body);
	}

	async end(): Promise<void> {
		await this.flush();
		await this.#stream.end();
	}

	abort(reason: Error): void {
		this.#stream.abort(reason);
	}

	async #gather(...parts: Buffer[]): Promise<void> {
		for (const part of parts) {
			this.#gathered.push(part);
			this.#gatheredBytes += part.length;
		}
		if (this.#gatheredBytes >= GATHER_BYTES) await this.flush();
	}

	async #take(length: number): Promise<Buffer | null> {
		if (this.#stream.readInto !== undefined) return await this.#fill(length);
		while (this.#incoming.length < length) {
			const bytes = await this.#stream.read();
			if (bytes === null) {
				if (this.#incoming.length === 0) return null;
				throw new SwarmError("corrupt", "Cannot read a move: the stream ended inside a frame");
			}
			this.#incoming.add(bytes);
		}
		return this.#incoming.take(length);
	}

	async #fill(length: number): Promise<Buffer | null> {
		this.#frame ??= Buffer.allocUnsafeSlow(CHUNK_BYTES_MAX);
		const bytes = length <= this.#frame.length ? this.#frame.subarray(0, length) : Buffer.allocUnsafeSlow(length);
		for (let filled = 0; filled < length; ) {
			const count = (await this.#stream.readInto?.(bytes.subarray(filled))) ?? 0;
			filled += count;
			if (count > 0) continue;
			if (filled === 0) return null;
			throw new SwarmError("corrupt", "Cannot read a move: the stream ended inside a frame");
		}
		return bytes;
	}
}

function writeHeader(bytes: Buffer, kind: number, length: number): void {
	bytes.writeUInt8(kind, 0);
	bytes.writeUInt32LE(length, 1);
}
