// Decompresses zstd data of one or many frames. Node's own stream stops after the first frame, but `zstd:chunked`
// layers (podman, buildah) hold one frame for every file, and skippable frames between. RFC 8878, section 3.1.
// Frames are found by their block headers; each is then decompressed by node:zlib.

import { createZstdDecompress, type ZstdDecompress } from "node:zlib";
import { SwarmError } from "../../../errors.js";

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;
/** Each write is a turn of a thread: blocks can be of four bytes. */
const WRITE_BYTES = 64 * 1024;

/** Bytes that arrive in pieces, taken in the amounts that the format asks for. */
class Pieces {
	readonly #source: AsyncIterator<Uint8Array>;
	#held: Buffer = Buffer.alloc(0);

	constructor(source: AsyncIterable<Uint8Array>) {
		this.#source = source[Symbol.asyncIterator]();
	}

	/** Exactly `count` bytes, or null at a clean end. `corrupt` when the data ends in between. */
	async exactly(count: number): Promise<Buffer | null> {
		const parts: Buffer[] = [];
		let missing = count;
		while (missing > 0) {
			const piece = await this.upTo(missing);
			if (piece === null) {
				if (parts.length === 0) return null;
				throw corrupt("ends in the middle of a frame");
			}
			parts.push(piece);
			missing -= piece.length;
		}
		return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
	}

	async required(count: number): Promise<Buffer> {
		const bytes = await this.exactly(count);
		if (bytes === null) throw corrupt("ends in the middle of a frame");
		return bytes;
	}

	/** Between 1 and `max` bytes; null at the end. */
	async upTo(max: number): Promise<Buffer | null> {
		while (this.#held.length === 0) {
			const next = await this.#source.next();
			if (next.done) return null;
			this.#held = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
		}
		const taken = this.#held.subarray(0, max);
		this.#held = this.#held.subarray(taken.length);
		return taken;
	}
}

/** The decompressed bytes. Code `corrupt` for anything that is no zstd data. */
export async function* zstdFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
	const pieces = new Pieces(source);
	for (;;) {
		const magic = await pieces.exactly(4);
		if (magic === null) return;
		const value = magic.readUInt32LE(0);
		if ((value & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) await skip(pieces);
		else if (value === FRAME_MAGIC) yield* oneFrame(pieces, magic);
		else throw corrupt("is no zstd data");
	}
}

async function skip(pieces: Pieces): Promise<void> {
	let missing = (await pieces.required(4)).readUInt32LE(0);
	while (missing > 0) {
		const piece = await pieces.upTo(missing);
		if (piece === null) throw corrupt("ends in the middle of a frame");
		missing -= piece.length;
	}
}

async function* oneFrame(pieces: Pieces, magic: Buffer): AsyncGenerator<Buffer> {
	const stream = createZstdDecompress();
	const feeding = feed(pieces, magic, stream).catch((thrown: unknown) => {
		stream.destroy(thrown instanceof Error ? thrown : new Error(String(thrown)));
	});
	try {
		for await (const bytes of stream) yield bytes as Buffer;
	} catch (thrown) {
		if (thrown instanceof SwarmError) throw thrown;
		throw corrupt(`is damaged (${thrown instanceof Error ? thrown.message : String(thrown)})`);
	} finally {
		stream.destroy();
		await feeding;
	}
}

/** Writes exactly one frame into the stream and ends it. */
async function feed(pieces: Pieces, magic: Buffer, stream: ZstdDecompress): Promise<void> {
	let gathered: Buffer[] = [];
	let size = 0;
	const add = async (bytes: Buffer) => {
		gathered.push(bytes);
		size += bytes.length;
		if (size >= WRITE_BYTES) await flush();
	};
	const flush = async () => {
		const whole = Buffer.concat(gathered);
		[gathered, size] = [[], 0];
		await write(stream, whole);
	};
	const descriptor = (await pieces.required(1)).readUInt8(0);
	await add(magic);
	await add(Buffer.from([descriptor]));
	await add(await pieces.required(restOfHeader(descriptor)));
	for (;;) {
		const head = await pieces.required(3);
		await add(head);
		const bits = head.readUIntLE(0, 3);
		// Block type 1 (RLE) holds one byte whatever its size says.
		let missing = ((bits >> 1) & 3) === 1 ? 1 : bits >> 3;
		while (missing > 0) {
			const piece = await pieces.upTo(missing);
			if (piece === null) throw corrupt("ends in the middle of a frame");
			missing -= piece.length;
			await add(piece);
		}
		if ((bits & 1) === 1) break;
	}
	if ((descriptor & 4) !== 0) await add(await pieces.required(4));
	await flush();
	stream.end();
}

/** Bytes of the frame header after its descriptor: window, dictionary id, content size. */
function restOfHeader(descriptor: number): number {
	const single = (descriptor & 0x20) !== 0;
	const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
	const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
	return (single ? 0 : 1) + dictionary + contentSize;
}

/** Resolves when more may be written; rejects when the reading side has given up. */
async function write(stream: ZstdDecompress, bytes: Buffer): Promise<void> {
	if (stream.destroyed) throw corrupt("is no zstd data");
	if (stream.write(bytes)) return;
	await new Promise<void>((resolve) => {
		const done = () => {
			stream.off("drain", done);
			stream.off("close", done);
			resolve();
		};
		stream.on("drain", done);
		stream.on("close", done);
	});
}

function corrupt(what: string): SwarmError {
	return new SwarmError("corrupt", `Cannot decompress the layer: it ${what}`);
}
