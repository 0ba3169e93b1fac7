// How one node gives an image to another over a byte stream: a request, the description, the list of blobs that are
// missing, then those blobs one after the other. The taker checks every digest; the giver only reads. Knows no mesh:
// any stream with these four calls will do, and a MeshStream has them.
//
//   taker → giver   frame {version: 1, image}            image: name or digest
//   giver → taker   frame {ok: true, name, digest, manifest (base64), blobs: [{digest, sizeBytes}]}
//                   or    {ok: false, error}
//   taker → giver   frame {wanted: [digest]}             some of these blobs, each once
//   giver → taker   the bytes of those blobs, in that order, nothing between; then the end
//
// A frame is four bytes of length, big-endian, and JSON.

import { asSwarmError, type ErrorData, SwarmError } from "../../errors.js";
import { Gathered } from "../../gathered.js";
import type { Digest } from "../../model.js";
import type { BlobInfo, ImageStore, ImageSummary, ImportProgress } from "./image-store.js";
import { EXCHANGE_FRAME_BYTES_MAX, LAYERS_MAX } from "./limits.js";
import { isDigest } from "./name.js";

/** The protocol's name on the mesh. */
export const IMAGE_PROTOCOL = "/swarm/image/1";

/** Ordered bytes both ways; `read` gives null at the end, `write` waits while the other side is slow. */
export interface ByteStream {
	read(): Promise<Uint8Array | null>;
	write(bytes: Uint8Array): Promise<void>;
	end(): Promise<void>;
	abort(reason: Error): void;
}

/** Answers one request. Rejects, with the stream aborted, when the taker breaks the protocol or goes away. */
export async function serveImage(store: ImageStore, stream: ByteStream): Promise<void> {
	try {
		const reader = new FrameReader(stream);
		const request = await reader.frame();
		if (request.version !== 1 || typeof request.image !== "string") throw broken("the request is not known");
		const offered = await offer(store, stream, request.image);
		if (offered === null) return await stream.end();
		const { wanted } = await reader.frame();
		if (!Array.isArray(wanted) || wanted.length > LAYERS_MAX + 1 || new Set(wanted).size !== wanted.length) {
			throw broken("the list of wanted blobs is none");
		}
		if (!wanted.every((digest) => offered.has(digest))) throw broken("a wanted blob is not of this image");
		for (const digest of wanted as Digest[]) {
			for await (const bytes of await store.openBlob(digest)) await stream.write(bytes as Buffer);
		}
		await stream.end();
	} catch (thrown) {
		const error = asSwarmError(thrown, "send the image");
		stream.abort(error);
		throw error;
	}
}

/** Null when the image is not here and the taker has been told so. */
async function offer(store: ImageStore, stream: ByteStream, image: string): Promise<ReadonlySet<unknown> | null> {
	try {
		const { name, digest, manifest, blobs } = store.describe(image);
		await stream.write(frameOf({ ok: true, name, digest, manifest: manifest.toString("base64"), blobs }));
		return new Set(blobs.map((blob) => blob.digest));
	} catch (thrown) {
		await stream.write(frameOf({ ok: false, error: asSwarmError(thrown, "send the image").toJSON() }));
		return null;
	}
}

export interface FetchOptions {
	/** Name or digest at the giver. A digest must be what comes. */
	readonly image: string;
	readonly onProgress: (progress: ImportProgress) => void;
	readonly signal: AbortSignal;
}

/** Takes the image into `store`. Codes of `ingest`, and the giver's own refusal (`not-found`). */
export async function fetchImage(store: ImageStore, stream: ByteStream, options: FetchOptions): Promise<ImageSummary> {
	const { image, onProgress, signal } = options;
	const onAbort = () => stream.abort(new SwarmError("aborted", `Cannot fetch the image ${image}: aborted`));
	signal.addEventListener("abort", onAbort, { once: true });
	try {
		signal.throwIfAborted();
		const reader = new FrameReader(stream);
		await stream.write(frameOf({ version: 1, image }));
		const answer = await reader.frame();
		if (answer.ok !== true) throw refusalOf(answer.error);
		const { name, digest, manifest } = answer;
		if (!isDigest(digest) || typeof manifest !== "string" || !(name === null || typeof name === "string")) {
			throw broken("the description is not known");
		}
		if (isDigest(image) && image !== digest) throw broken("another image was offered");
		const transfer = async (wanted: readonly BlobInfo[]) => {
			await stream.write(frameOf({ wanted: wanted.map((blob) => blob.digest) }));
			await stream.end();
			return (blob: BlobInfo) => reader.bytes(blob.sizeBytes);
		};
		const bytes = Buffer.from(manifest, "base64");
		return await store.ingest({ name, digest, manifest: bytes, transfer, onProgress, signal });
	} catch (thrown) {
		const error = asSwarmError(thrown, `fetch the image ${image}`);
		stream.abort(error);
		throw error;
	} finally {
		signal.removeEventListener("abort", onAbort);
	}
}

/** The giver's own error, if it is one. */
function refusalOf(value: unknown): SwarmError {
	const { code, message } = (value ?? {}) as Partial<ErrorData>;
	if (typeof code !== "string" || typeof message !== "string") return broken("the giver refuses without a reason");
	return SwarmError.fromJSON({ code, message, retryable: false, details: {} });
}

function broken(why: string): SwarmError {
	return new SwarmError("corrupt", `Cannot exchange the image: ${why}`);
}

function frameOf(message: unknown): Buffer {
	const json = Buffer.from(JSON.stringify(message));
	const head = Buffer.alloc(4);
	head.writeUInt32BE(json.length);
	return Buffer.concat([head, json]);
}

/** Frames and raw bytes from one stream, whatever pieces they arrive in. */
class FrameReader {
	readonly #stream: ByteStream;
	#held: Buffer = Buffer.alloc(0);

	constructor(stream: ByteStream) {
		this.#stream = stream;
	}

	async frame(): Promise<Readonly<Record<string, unknown>>> {
		const length = (await this.#exactly(4)).readUInt32BE(0);
		if (length > EXCHANGE_FRAME_BYTES_MAX) throw broken(`a frame has ${length} bytes`);
		const text = (await this.#exactly(length)).toString("utf8");
		let message: unknown;
		try {
			message = JSON.parse(text);
		} catch (thrown) {
			throw broken(`a frame is no JSON (${(thrown as Error).message})`);
		}
		if (typeof message !== "object" || message === null) throw broken("a frame is no object");
		return message as Readonly<Record<string, unknown>>;
	}

	/** The next `count` bytes as they come. */
	async *bytes(count: number): AsyncGenerator<Uint8Array> {
		let missing = count;
		while (missing > 0) {
			const piece = await this.#upTo(missing);
			missing -= piece.length;
			yield piece;
		}
	}

	async #exactly(count: number): Promise<Buffer> {
		const gathered = new Gathered();
		for await (const piece of this.bytes(count)) gathered.add(piece);
		return gathered.take(count);
	}

	async #upTo(max: number): Promise<Buffer> {
		while (this.#held.length === 0) {
			const bytes = await this.#stream.read();
			if (bytes === null) throw broken("the stream ended too early");
			this.#held = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		}
		const piece = this.#held.subarray(0, max);
		this.#held = this.#held.subarray(piece.length);
		return piece;
	}
}
