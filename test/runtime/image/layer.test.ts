import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { lstat, mkdir, readdir, readFile, readlink, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { unpackLayer } from "../../../src/runtime/image/layer/unpack.js";
import { sha256, type TarEntry, tarOf } from "../../support/oci-image.js";
import { temporaryDirectory } from "../../support/temporary.js";

const root = process.getuid?.() === 0;
const never = new AbortController().signal;

async function* pieces(bytes: Buffer, size = 1000): AsyncGenerator<Buffer> {
	for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A layer's directory inside a parent, so that a test sees what lands beside it. */
async function unpackTar(tar: Buffer): Promise<{ parent: string; layer: string }> {
	const parent = await temporaryDirectory();
	const layer = join(parent, "layer");
	await mkdir(layer);
	await unpackLayer(pieces(tar), layer, never);
	return { parent, layer };
}

async function unpack(entries: readonly TarEntry[]) {
	return unpackTar(await tarOf(entries));
}

/** What overlayfs sees: the mark that hides everything below a directory. */
function isOpaque(path: string): boolean {
	const look = "import os,sys; print(os.getxattr(sys.argv[1], 'trusted.overlay.opaque') == b'y')";
	try {
		return execFileSync("python3", ["-c", look, path], { stdio: ["ignore", "pipe", "ignore"] }).toString() === "True\n";
	} catch {
		return false;
	}
}
const canReadMarks = (() => {
	try {
		return execFileSync("python3", ["-c", "print(1)"]).length > 0;
	} catch {
		return false;
	}
})();

describe.skipIf(!root)("unpacking a layer (needs root)", () => {
	it("keeps contents, owners, modes with setuid, times and links", async () => {
		const mtime = new Date("2020-02-02T02:02:02Z");
		const { layer } = await unpack([
			{ name: "bin/", type: "directory", mode: 0o711, uid: 3, gid: 4, mtime },
			{ name: "bin/su", content: "#!", mode: 0o4755, uid: 7, gid: 8, mtime },
			{ name: "bin/same", type: "link", linkname: "bin/su" },
			{ name: "bin/soft", type: "symlink", linkname: "/etc/passwd", uid: 5, mtime },
		]);
		const su = await lstat(join(layer, "bin/su"));
		expect([su.mode & 0o7777, su.uid, su.gid, su.mtimeMs]).toEqual([0o4755, 7, 8, mtime.getTime()]);
		expect((await lstat(join(layer, "bin/same"))).ino).toBe(su.ino);
		expect(await readlink(join(layer, "bin/soft"))).toBe("/etc/passwd");
		expect((await lstat(join(layer, "bin/soft"))).uid).toBe(5);
		const bin = await lstat(join(layer, "bin"));
		expect([bin.mode & 0o7777, bin.uid, bin.gid, bin.mtimeMs]).toEqual([0o711, 3, 4, mtime.getTime()]);
	});

	it("gives the digest of the whole tar", async () => {
		const tar = await tarOf([{ name: "a", content: "a" }]);
		const layer = await temporaryDirectory();
		expect((await unpackLayer(pieces(tar, 7), layer, never)).diffId).toBe(sha256(tar));
	});

	it("makes parents that no entry describes, and the root itself, readable", async () => {
		const { layer } = await unpack([{ name: "./a/b/c", content: "x" }]);
		expect((await stat(join(layer, "a/b"))).mode & 0o777).toBe(0o755);
		expect((await stat(layer)).mode & 0o777).toBe(0o755);
	});

	it("reads long names, PAX ids and names that are not UTF-8", async () => {
		const long = `${"d".repeat(200)}/${"f".repeat(200)}`;
		const bytes = Buffer.from([0x66, 0xe9]);
		const raw = await tarOf([{ name: "fX", content: "latin" }]);
		raw[1] = 0xe9;
		let sum = 8 * 32;
		for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += raw[i] ?? 0;
		raw.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
		const named = await tarOf([
			{ name: long, content: "long" },
			{ name: "żółw", content: "utf8" },
			{ name: "big", content: "", pax: { uid: "3000000", gid: "3000001" } },
		]);
		const { layer } = await unpackTar(Buffer.concat([raw.subarray(0, 1024), named]));
		expect(await readFile(join(layer, long), "utf8")).toBe("long");
		expect(await readFile(join(layer, "żółw"), "utf8")).toBe("utf8");
		expect((await stat(join(layer, "big"))).uid).toBe(3_000_000);
		expect(await readFile(Buffer.concat([Buffer.from(`${layer}/`), bytes]), "utf8")).toBe("latin");
	});

	it("keeps the holes of a sparse file that tar(1) packed", async () => {
		const directory = await temporaryDirectory();
		const file = openSync(join(directory, "disk"), "w");
		ftruncateSync(file, 50_000_000);
		writeSync(file, Buffer.from("begin"), 0, 5, 0);
		writeSync(file, Buffer.from("middle"), 0, 6, 20_000_000);
		closeSync(file);
		const tar = execFileSync("tar", ["--format=posix", "-S", "-C", directory, "-cf", "-", "disk"], { maxBuffer: 1e9 });
		expect(tar.length).toBeLessThan(100_000);
		const { layer } = await unpackTar(tar);
		const unpacked = await stat(join(layer, "disk"));
		expect(unpacked.size).toBe(50_000_000);
		expect(unpacked.blocks * 512).toBeLessThan(1_000_000);
		execFileSync("cmp", [join(directory, "disk"), join(layer, "disk")]);
	});

	it("turns whiteouts into the device that overlayfs reads", async () => {
		const { layer } = await unpack([
			{ name: "etc/", type: "directory" },
			{ name: "etc/.wh.gone", content: "" },
		]);
		const gone = await lstat(join(layer, "etc/gone"));
		expect([gone.isCharacterDevice(), gone.rdev]).toEqual([true, 0]);
		expect(await readdir(join(layer, "etc"))).toEqual(["gone"]);
	});

	it.skipIf(!canReadMarks)("marks a directory opaque, also when it replaces a hidden one (needs python3)", async () => {
		const { layer } = await unpack([
			{ name: "a/", type: "directory", mode: 0o750 },
			{ name: "a/.wh..wh..opq", content: "" },
			{ name: "a/new", content: "" },
			{ name: ".wh.b", content: "" },
			{ name: "b/", type: "directory" },
			{ name: "c/", type: "directory" },
		]);
		expect([isOpaque(join(layer, "a")), isOpaque(join(layer, "b")), isOpaque(join(layer, "c"))]).toEqual([
			true,
			true,
			false,
		]);
		expect((await stat(join(layer, "a"))).mode & 0o777).toBe(0o750);
	});

	it("makes FIFOs, leaves device nodes and aufs files out", async () => {
		const { layer } = await unpack([
			{ name: "pipe", type: "fifo", mode: 0o620, uid: 9 },
			{ name: "sda", type: "block-device", devmajor: 8, devminor: 0 },
			{ name: "null", type: "character-device", devmajor: 1, devminor: 3 },
			{ name: "hidden", type: "character-device", devmajor: 0, devminor: 0 },
			{ name: ".wh..wh.plnk/x", content: "" },
		]);
		expect(await readdir(layer)).toEqual(["pipe"]);
		const pipe = await lstat(join(layer, "pipe"));
		expect([pipe.isFIFO(), pipe.mode & 0o777, pipe.uid]).toEqual([true, 0o620, 9]);
	});

	it("takes an absolute name as one of the layer's root", async () => {
		const { layer } = await unpack([{ name: "/etc/motd", content: "hi" }]);
		expect(await readFile(join(layer, "etc/motd"), "utf8")).toBe("hi");
	});

	it("lets a later entry replace a file or link, without writing through it", async () => {
		const { parent, layer } = await unpack([
			{ name: "x", type: "symlink", linkname: "../outside" },
			{ name: "x", content: "inside" },
			{ name: "y", type: "symlink", linkname: ".." },
			{ name: "y/", type: "directory" },
			{ name: "y/z", content: "z" },
		]);
		expect(await readFile(join(layer, "x"), "utf8")).toBe("inside");
		expect(await readFile(join(layer, "y/z"), "utf8")).toBe("z");
		expect(await readdir(parent)).toEqual(["layer"]);
	});

	it.each<[string, readonly TarEntry[]]>([
		["a path with ..", [{ name: "../evil", content: "x" }]],
		["a path with .. in the middle", [{ name: "a/../../evil", content: "x" }]],
		["a directory with ..", [{ name: "a/../../evil/", type: "directory" }]],
		[
			"a file through a symbolic link to the outside",
			[
				{ name: "a", type: "symlink", linkname: ".." },
				{ name: "a/evil", content: "x" },
			],
		],
		[
			"a directory through an absolute symbolic link",
			[
				{ name: "a", type: "symlink", linkname: "/tmp" },
				{ name: "a/evil/", type: "directory" },
			],
		],
		["a hard link to the outside", [{ name: "a", type: "link", linkname: "../secret" }]],
		["a hard link to a host file", [{ name: "a", type: "link", linkname: "/etc/hostname" }]],
		[
			"a hard link through a symbolic link",
			[
				{ name: "a", type: "symlink", linkname: ".." },
				{ name: "b", type: "link", linkname: "a/secret" },
			],
		],
		["a whiteout of ..", [{ name: "a/.wh...", content: "" }]],
		[
			"a whiteout through a symbolic link",
			[
				{ name: "a", type: "symlink", linkname: ".." },
				{ name: "a/.wh.secret", content: "" },
			],
		],
		[
			"an opaque mark through a symbolic link",
			[
				{ name: "a", type: "symlink", linkname: ".." },
				{ name: "a/.wh..wh..opq", content: "" },
			],
		],
		[
			"a file in the place of a directory",
			[
				{ name: "a/b", content: "x" },
				{ name: "a", type: "symlink", linkname: ".." },
			],
		],
		["a file that is the root", [{ name: "./", type: "symlink", linkname: "/" }]],
		["a path that is too deep", [{ name: "d/".repeat(300), type: "directory" }]],
		["a name that is too long", [{ name: "n".repeat(256), content: "" }]],
	])("refuses %s and touches nothing outside", async (_, entries) => {
		const parent = await temporaryDirectory();
		const layer = join(parent, "layer");
		await mkdir(layer);
		await writeFile(join(parent, "secret"), "untouched");
		await expect(unpackLayer(pieces(await tarOf(entries)), layer, never)).rejects.toMatchObject({ code: "refused" });
		expect((await readdir(parent)).sort()).toEqual(["layer", "secret"]);
		expect(await readFile(join(parent, "secret"), "utf8")).toBe("untouched");
		expect((await stat(join(parent, "secret"))).nlink).toBe(1);
	});

	it("calls a torn or foreign file corrupt", async () => {
		const tar = await tarOf([{ name: "a", content: Buffer.alloc(5000) }]);
		const layer = await temporaryDirectory();
		await expect(unpackLayer(pieces(tar.subarray(0, 3000)), layer, never)).rejects.toMatchObject({ code: "corrupt" });
		const noise = Buffer.alloc(4096, "x");
		await expect(unpackLayer(pieces(noise), layer, never)).rejects.toMatchObject({ code: "corrupt" });
	});

	it("stops when it is told to", async () => {
		const tar = await tarOf([{ name: "a", content: "" }]);
		const aborted = AbortSignal.abort();
		await expect(unpackLayer(pieces(tar), await temporaryDirectory(), aborted)).rejects.toMatchObject({
			code: "aborted",
		});
	});
});
