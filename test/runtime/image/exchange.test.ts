import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/clock.js";
import { silentLogger } from "../../../src/log.js";
import { type ByteStream, fetchImage, serveImage } from "../../../src/runtime/image/exchange.js";
import { type ImageStore, type ImportProgress, openImageStore } from "../../../src/runtime/image/store.js";
import { type ImageOptions, ociTar, tarOf } from "../../support/oci-image.js";
import { temporaryDirectory } from "../../support/temporary.js";

const root = process.getuid?.() === 0;
const small = await tarOf([{ name: "small", content: "small" }]);
const large = await tarOf([{ name: "large", content: Buffer.alloc(3_000_000, "large") }]);

interface Pipe {
	readonly queue: (Uint8Array | null)[];
	readonly waiting: ((bytes: Uint8Array | null | Error) => void)[];
	failed: Error | null;
}

function push(pipe: Pipe, bytes: Uint8Array | null): void {
	const reader = pipe.waiting.shift();
	if (reader) reader(bytes);
	else pipe.queue.push(bytes);
}

/** Two ends of one stream in memory; `change` may damage what is written by the first. */
function streamPair(change: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes): [ByteStream, ByteStream] {
	const pipes: [Pipe, Pipe] = [
		{ queue: [], waiting: [], failed: null },
		{ queue: [], waiting: [], failed: null },
	];
	const fail = (reason: Error) => {
		for (const pipe of pipes) {
			pipe.failed = reason;
			for (const reader of pipe.waiting.splice(0)) reader(reason);
		}
	};
	const end = (out: Pipe, into: Pipe, written: (bytes: Uint8Array) => Uint8Array): ByteStream => ({
		async read() {
			if (into.failed) throw into.failed;
			if (into.queue.length > 0) return into.queue.shift() ?? null;
			const bytes = await new Promise<Uint8Array | null | Error>((resolve) => into.waiting.push(resolve));
			if (bytes instanceof Error) throw bytes;
			return bytes;
		},
		async write(bytes) {
			if (out.failed) throw out.failed;
			push(out, written(bytes));
		},
		async end() {
			push(out, null);
		},
		abort: fail,
	});
	return [end(pipes[0], pipes[1], change), end(pipes[1], pipes[0], (bytes) => bytes)];
}

async function storeWith(...images: ImageOptions[]): Promise<ImageStore> {
	const directory = await temporaryDirectory();
	const store = await openImageStore({
		directory: join(directory, "images"),
		logger: silentLogger,
		clock: systemClock,
	});
	for (const image of images) {
		await writeFile(join(directory, "image.tar"), await ociTar(image));
		await store.importArchive(join(directory, "image.tar"), {
			name: null,
			onProgress: () => {},
			signal: new AbortController().signal,
		});
	}
	return store;
}

async function exchange(giver: ImageStore, taker: ImageStore, image: string, streams = streamPair()) {
	const progress: ImportProgress[] = [];
	const [serving, fetching] = streams;
	const served = serveImage(giver, serving).then(
		() => null,
		(thrown: unknown) => thrown,
	);
	const signal = new AbortController().signal;
	try {
		const summary = await fetchImage(taker, fetching, { image, onProgress: (p) => progress.push(p), signal });
		return { summary, progress };
	} finally {
		await served;
	}
}

const app: ImageOptions = { layers: [small, large], name: "app:1", config: { Cmd: ["/app"] }, compression: "gzip" };

describe.skipIf(!root)("images between nodes (needs root)", () => {
	it("gives the same image, by name and by digest", async () => {
		const giver = await storeWith(app);
		const taker = await storeWith();
		const { summary } = await exchange(giver, taker, "app:1");
		expect(summary).toMatchObject({ name: "app:1", digest: giver.get("app:1")?.digest });
		expect((await taker.prepare("app:1")).config.command).toEqual(["/app"]);
		const second = await storeWith();
		await exchange(giver, second, summary.digest);
		expect(second.get("app:1")?.digest).toBe(summary.digest);
	});

	it("sends only the blobs that are missing", async () => {
		const giver = await storeWith(app);
		const taker = await storeWith({ layers: [large], name: "other", compression: "gzip" });
		const { progress } = await exchange(giver, taker, "app:1");
		const received = progress.filter((p) => p.step === "receiving").at(-1);
		expect(received?.doneBytes).toBe(received?.totalBytes);
		expect(received?.totalBytes).toBeLessThan(2000);
		const none = (await exchange(giver, taker, "app:1")).progress.filter((p) => p.step === "receiving");
		expect(none).toEqual([]);
	});

	it("hands on the giver's refusal", async () => {
		const giver = await storeWith();
		await expect(exchange(giver, await storeWith(), "app:1")).rejects.toMatchObject({ code: "not-found" });
		await expect(exchange(giver, await storeWith(), "host")).rejects.toMatchObject({ code: "usage" });
	});

	it("takes nothing that was changed on the way", async () => {
		const giver = await storeWith({ ...app, compression: "none" });
		const taker = await storeWith();
		const streams = streamPair((bytes) => {
			const changed = Buffer.from(bytes);
			if (changed.length > 50_000) changed.writeUInt8(changed.readUInt8(40_000) ^ 1, 40_000);
			return changed;
		});
		await expect(exchange(giver, taker, "app:1", streams)).rejects.toMatchObject({ code: "corrupt" });
		expect(taker.get("app:1")).toBeNull();
		expect(await taker.missing(giver.describe("app:1").blobs.map((blob) => blob.digest))).toHaveLength(3);
	});

	it("serves only blobs of the image that was asked for, and only sane frames", async () => {
		const giver = await storeWith(app, { layers: [large], name: "secret" });
		const secret = giver.describe("secret").blobs[0]?.digest;
		for (const second of [{ wanted: [secret] }, { wanted: "all" }, {}]) {
			const [serving, asking] = streamPair();
			const served = serveImage(giver, serving);
			await asking.write(frame({ version: 1, image: "app:1" }));
			await asking.write(frame(second));
			await expect(served).rejects.toMatchObject({ code: "corrupt" });
		}
		const [serving, asking] = streamPair();
		const served = serveImage(giver, serving);
		await asking.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
		await expect(served).rejects.toMatchObject({ code: "corrupt" });
	});

	it("ends at once when it is aborted or the giver goes away", async () => {
		const taker = await storeWith();
		const [giver, fetching] = streamPair();
		const abort = new AbortController();
		const options = { image: "app:1", onProgress: () => {}, signal: abort.signal };
		const fetched = fetchImage(taker, fetching, options);
		abort.abort();
		await expect(fetched).rejects.toMatchObject({ code: "aborted" });
		await expect(giver.read()).rejects.toThrow();
		const [gone, waiting] = streamPair();
		const waitingFetch = fetchImage(taker, waiting, { ...options, signal: new AbortController().signal });
		await gone.end();
		await expect(waitingFetch).rejects.toThrow(/ended too early/);
	});
});

function frame(message: unknown): Buffer {
	const json = Buffer.from(JSON.stringify(message));
	const head = Buffer.alloc(4);
	head.writeUInt32BE(json.length);
	return Buffer.concat([head, json]);
}
