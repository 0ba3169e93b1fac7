import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/clock.js";
import { silentLogger } from "../../../src/log.js";
import type { Digest } from "../../../src/model.js";
import { type ImageStore, openImageStore } from "../../../src/runtime/image/store.js";
import {
	dockerTar,
	type ImageOptions,
	ociEntries,
	ociTar,
	redisImage,
	sha256,
	tarOf,
} from "../../support/oci-image.js";
import { temporaryDirectory } from "../../support/temporary.js";

const root = process.getuid?.() === 0;
const redis = await redisImage();

async function openStore(directory: string): Promise<ImageStore> {
	return openImageStore({ directory, logger: silentLogger, clock: systemClock });
}

async function withArchive(bytes: Buffer): Promise<{ store: ImageStore; directory: string; file: string }> {
	const parent = await temporaryDirectory();
	const directory = join(parent, "images");
	const file = join(parent, "image.tar");
	await writeFile(file, bytes);
	return { store: await openStore(directory), directory, file };
}

function importing(store: ImageStore, file: string, name: string | null = null) {
	return store.importArchive(file, { name, onProgress: () => {}, signal: new AbortController().signal });
}

/** Everything that the store keeps. */
async function kept(directory: string): Promise<Record<string, readonly string[]>> {
	const parts = ["blobs/sha256", "layers", "images", "staging"];
	return Object.fromEntries(await Promise.all(parts.map(async (part) => [part, await readdir(join(directory, part))])));
}

const nothing = { "blobs/sha256": [], layers: [], images: [], staging: [] };
const base = await tarOf([
	{ name: "etc/", type: "directory" },
	{ name: "etc/motd", content: "base" },
	{ name: "etc/old", content: "old" },
]);
const change = await tarOf([
	{ name: "etc/", type: "directory" },
	{ name: "etc/motd", content: "changed" },
	{ name: "etc/.wh.old", content: "" },
]);
const config = {
	Env: ["A=1", "B=x=y"],
	Entrypoint: ["/bin/app"],
	Cmd: ["--now"],
	WorkingDir: "/srv",
	User: "7:8",
	StopSignal: "SIGQUIT",
};
const image: ImageOptions = { layers: [base, change], name: "app:1", config };

describe.skipIf(!root)("the image store (needs root)", () => {
	it.each<[string, () => Promise<Buffer>]>([
		["an OCI layout", () => ociTar(image)],
		["an OCI layout with gzip layers", () => ociTar({ ...image, compression: "gzip" })],
		["an OCI layout with zstd layers", () => ociTar({ ...image, compression: "zstd" })],
		["a gzip-compressed OCI layout", async () => gzipSync(await ociTar(image))],
		["a zstd-compressed OCI layout", async () => zstdCompressSync(await ociTar(image))],
		["an archive of docker save", () => dockerTar(image)],
	])("imports %s and prepares it with its own config", async (_, archive) => {
		const { store, directory, file } = await withArchive(await archive());
		const summary = await importing(store, file);
		expect(summary).toMatchObject({ name: "app:1", platform: expect.stringMatching(/^linux\//) });
		const prepared = await store.prepare("app:1");
		expect(prepared.config).toEqual({
			entrypoint: ["/bin/app"],
			command: ["--now"],
			env: { PATH: expect.stringContaining("/usr/bin"), A: "1", B: "x=y" },
			workdir: "/srv",
			user: "7:8",
			stopSignal: 3,
		});
		expect(prepared).toMatchObject({ name: "app:1", digest: summary.digest, hostPaths: [] });
		expect((await kept(directory)).staging).toEqual([]);
		expect(throughOverlay(prepared.lowerDirectories)).toBe("changed|motd");
	});

	it("imports a plain directory with an OCI layout", async () => {
		const { store, directory, file } = await withArchive(await ociTar(image));
		const layout = await temporaryDirectory();
		execFileSync("tar", ["-C", layout, "-xf", file]);
		expect((await importing(store, layout)).name).toBe("app:1");
		expect((await kept(directory)).layers).toHaveLength(2);
	});

	it("is the same after a restart, and clears what a crash left", async () => {
		const { store, directory, file } = await withArchive(await ociTar(image));
		await importing(store, file);
		const before = await kept(directory);
		await writeFile(join(directory, "blobs/sha256", "0".repeat(64)), "torn");
		await writeFile(join(directory, "staging/7"), "half");
		const again = await openStore(directory);
		expect(again.list()).toEqual(store.list());
		expect(await kept(directory)).toEqual(before);
	});

	it("shares layers between images and deletes each with its last user", async () => {
		const { store, directory, file } = await withArchive(await ociTar(image));
		await importing(store, file);
		await writeFile(file, await ociTar({ layers: [base], name: "base" }));
		await importing(store, file);
		expect((await kept(directory)).layers).toHaveLength(2);
		await store.remove("app:1", []);
		expect((await kept(directory)).layers).toHaveLength(1);
		expect(store.get("app:1")).toBeNull();
		expect((await store.prepare("base")).lowerDirectories).toHaveLength(1);
		await store.remove("base", []);
		expect(await kept(directory)).toEqual(nothing);
	});

	it("refuses to remove what containers run from, and names them", async () => {
		const { store, file } = await withArchive(await ociTar(image));
		await importing(store, file);
		await expect(store.remove("app:1", ["web.0", "web.1"])).rejects.toMatchObject({
			code: "conflict",
			message: expect.stringContaining("web.0, web.1"),
		});
		await expect(store.remove("other", [])).rejects.toMatchObject({ code: "not-found" });
		await expect(store.remove("host", [])).rejects.toMatchObject({ code: "refused" });
		expect(store.get("app:1")).not.toBeNull();
	});

	it("keeps an image whose name a newer one took, until nobody uses it", async () => {
		const { store, directory, file } = await withArchive(await ociTar(image));
		const old = await importing(store, file);
		await writeFile(file, await ociTar({ layers: [change], name: "app:1" }));
		const young = await importing(store, file);
		expect(store.get("app:1")?.digest).toBe(young.digest);
		expect((await store.prepare(old.digest)).lowerDirectories).toHaveLength(2);
		expect(await store.prune(new Set<Digest>([old.digest]))).toEqual([]);
		expect((await openStore(directory)).get(old.digest)?.name).toBe(old.digest);
		expect(await store.prune(new Set())).toEqual([old.digest]);
		expect((await kept(directory)).layers).toHaveLength(1);
	});

	it("uses a layer that occurs twice once, where it is uppermost", async () => {
		const { store, file } = await withArchive(await ociTar({ layers: [base, change, base], name: "twice" }));
		await importing(store, file);
		const { lowerDirectories } = await store.prepare("twice");
		expect(lowerDirectories).toHaveLength(2);
		expect(throughOverlay(lowerDirectories)).toBe("base|motd old");
	});

	it("takes the name that is given, or asks for one", async () => {
		const { store, file } = await withArchive(await ociTar({ layers: [base] }));
		await expect(importing(store, file)).rejects.toMatchObject({
			code: "usage",
			message: expect.stringContaining("--name"),
		});
		expect((await importing(store, file, "mine")).name).toBe("mine:latest");
	});

	it("picks one of several images by name, and this machine's among several platforms", async () => {
		const other: ImageOptions = { layers: [change], name: "other" };
		const foreign: ImageOptions = { layers: [change], name: "app:1", architecture: "s390x" };
		const { store, file } = await withArchive(await ociTar(image, other, foreign));
		await expect(importing(store, file)).rejects.toMatchObject({
			code: "usage",
			message: expect.stringContaining("app:1, other:latest"),
		});
		expect((await importing(store, file, "other")).name).toBe("other:latest");
		expect((await store.prepare((await importing(store, file, "app:1")).name)).lowerDirectories).toHaveLength(2);
	});

	it.each<[string, string, () => Promise<Buffer>]>([
		["another platform, naming it", "unsupported", () => ociTar({ ...image, architecture: "s390x" })],
		[
			"a layer that is not what the config says",
			"corrupt",
			() => ociTar({ ...image, diffIds: [sha256(base), sha256(base)] }),
		],
		["layers that the config does not name", "corrupt", () => ociTar({ ...image, diffIds: [sha256(base)] })],
		[
			"a blob under a wrong digest",
			"corrupt",
			async () => {
				const entries = ociEntries([image]);
				return tarOf(entries.map((e) => (e.name.endsWith(sha256(base).slice(7)) ? { ...e, content: change } : e)));
			},
		],
		[
			"a missing blob",
			"corrupt",
			async () => tarOf(ociEntries([image]).filter((e) => !e.name.endsWith(sha256(base).slice(7)))),
		],
		[
			"a blob of another size",
			"corrupt",
			async () => {
				const text = (await ociTar(image)).toString("latin1");
				const index = `"size":${change.length}}`;
				expect(text).toContain(index);
				const forged = ociEntries([image]).map((entry) =>
					entry.name === "index.json"
						? { ...entry, content: String(entry.content).replace(/"size":\d+/, '"size":11') }
						: entry,
				);
				return tarOf(forged);
			},
		],
		["an outer entry with ..", "refused", async () => tarOf([{ name: "../evil", content: "x" }])],
		["an absolute outer entry", "refused", async () => tarOf([{ name: "/tmp/evil", content: "x" }])],
		[
			"an outer link that leads out",
			"refused",
			async () => tarOf([{ name: "a", type: "symlink", linkname: "../../etc/shadow" }]),
		],
		[
			"a layer with ..",
			"refused",
			async () => ociTar({ layers: [base, await tarOf([{ name: "../evil", content: "x" }])], name: "evil" }),
		],
		["a tar that is no image", "usage", async () => tarOf([{ name: "readme", content: "x" }])],
		["a file that is no tar", "corrupt", async () => Buffer.alloc(5000, "x")],
		["a torn archive", "corrupt", async () => (await ociTar(image)).subarray(0, 4000)],
		["torn gzip", "corrupt", async () => gzipSync(await ociTar(image)).subarray(0, 500)],
		["an empty file", "usage", async () => Buffer.alloc(0)],
		["a name that is none", "usage", () => ociTar({ layers: [base], name: "host" })],
	])("refuses %s and leaves nothing behind", async (_, code, archive) => {
		const { store, directory, file } = await withArchive(await archive());
		await expect(importing(store, file)).rejects.toMatchObject({ code });
		expect(await kept(directory)).toEqual(nothing);
		expect(store.list().map((line) => line.name)).toEqual(["host"]);
	});

	it("names the platforms of an archive for other machines", async () => {
		const { store, file } = await withArchive(await ociTar({ ...image, architecture: "s390x" }));
		await expect(importing(store, file)).rejects.toThrow(/linux\/s390x/);
	});

	it("says which file is missing", async () => {
		const { store } = await withArchive(Buffer.alloc(0));
		await expect(importing(store, "/nowhere/image.tar")).rejects.toMatchObject({ code: "not-found" });
	});

	it("leaves nothing behind when it is aborted in the middle", async () => {
		const { store, directory, file } = await withArchive(await ociTar(image));
		const abort = new AbortController();
		const onProgress = () => abort.abort();
		await expect(store.importArchive(file, { name: null, onProgress, signal: abort.signal })).rejects.toMatchObject({
			code: "aborted",
		});
		expect(await kept(directory)).toEqual(nothing);
	});

	it("lets imports of the same image run side by side", async () => {
		const { store, directory, file } = await withArchive(await ociTar(image));
		const summaries = await Promise.all([importing(store, file), importing(store, file), importing(store, file)]);
		expect(new Set(summaries.map((summary) => summary.digest)).size).toBe(1);
		expect((await kept(directory)).layers).toHaveLength(2);
		expect((await kept(directory)).staging).toEqual([]);
	});

	it("says so when a layer has disappeared from the disk", async () => {
		const { store, file } = await withArchive(await ociTar(image));
		await importing(store, file);
		const [upper = ""] = (await store.prepare("app:1")).lowerDirectories;
		await rm(upper, { recursive: true });
		await expect(store.prepare("app:1")).rejects.toThrow(/is gone, import it again/);
	});

	it.skipIf(redis === null)("imports a real Debian redis (needs apt's redis-server)", async () => {
		const { store } = await withArchive(Buffer.alloc(0));
		await importing(store, redis ?? "");
		const [layer = ""] = (await store.prepare("redis:test")).lowerDirectories;
		expect(existsSync(join(layer, "usr/bin/redis-server"))).toBe(true);
		const version = execFileSync("chroot", [layer, "/usr/bin/redis-server", "--version"]).toString();
		expect(version).toMatch(/^Redis server v=/);
	});
});

/** What a container sees of /etc: the text of motd, and the names. */
function throughOverlay(lower: readonly string[]): string {
	const mount = `mount -t overlay overlay -o lowerdir=${lower.join(":")} /mnt`;
	const look = lower.length > 1 ? `${mount} && cd /mnt/etc` : `cd ${lower[0]}/etc`;
	const script = `${look} && cat motd && echo -n '|' && echo -n $(ls)`;
	return execFileSync("unshare", ["--mount", "sh", "-c", script]).toString();
}
