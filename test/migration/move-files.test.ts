import { execFileSync } from "node:child_process";
import {
	chmodSync,
	linkSync,
	lstatSync,
	mkdirSync,
	readFileSync,
	readlinkSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MoveChannel } from "../../src/migration/channel.js";
import { createMoveFiles } from "../../src/migration/move-files.js";
import type { MoveMessage } from "../../src/migration/wire.js";
import type { NodeId } from "../../src/model.js";
import { createStreamPair } from "../cluster/sim/sim-stream.js";
import { temporaryDirectory } from "../support/temporary.js";

const move = "0123456789abcdef01234567";
const channels = () => {
	const [near, far] = createStreamPair("a" as NodeId, "b" as NodeId, (_, deliver) => queueMicrotask(deliver));
	return [new MoveChannel(near.stream), new MoveChannel(far.stream)] as const;
};

async function parts() {
	const root = await temporaryDirectory();
	const paths = { images: join(root, "images"), upper: join(root, "upper"), log: join(root, "log") };
	for (const path of Object.values(paths)) mkdirSync(path);
	return { root, paths };
}

describe("the files of a move", () => {
	it("arrive as they were: contents, modes, links and holes", async () => {
		const { root, paths } = await parts();
		const pages = Buffer.alloc(700_000, "p");
		writeFileSync(join(paths.images, "pages-1.img"), pages);
		writeFileSync(join(paths.images, "empty.img"), "");
		writeFileSync(join(paths.log, "stdout"), "1 F hello\n");
		mkdirSync(join(paths.upper, "etc"));
		writeFileSync(join(paths.upper, "etc/secret"), "s");
		chmodSync(join(paths.upper, "etc/secret"), 0o4711);
		linkSync(join(paths.upper, "etc/secret"), join(paths.upper, "same"));
		symlinkSync("/etc/passwd", join(paths.upper, "link"));
		execFileSync("truncate", ["-s", "50M", join(paths.upper, "hole")]);
		const files = createMoveFiles(join(root, "moves"));
		const directory = await files.make(move);
		const [near, far] = channels();
		const received = files.unpacker(directory, () => null).receive(far);
		const sent = await files.packer(paths.upper, []).send(near, paths, () => {});
		await near.send({ kind: "manifest", files: sent.files, manifest: { a: 1 } });
		expect(await received).toEqual({ manifest: { a: 1 } });
		expect(sent.imageBytes).toBe(700_000);
		expect(sent.bytes).toBeLessThan(1_000_000);
		expect(readFileSync(join(directory.images, "pages-1.img")).equals(pages)).toBe(true);
		expect(readFileSync(join(directory.log, "stdout"), "utf8")).toBe("1 F hello\n");
		expect(lstatSync(join(directory.upper, "etc/secret")).mode & 0o7777).toBe(0o4711);
		expect(lstatSync(join(directory.upper, "same")).ino).toBe(lstatSync(join(directory.upper, "etc/secret")).ino);
		expect(readlinkSync(join(directory.upper, "link"))).toBe("/etc/passwd");
		expect(lstatSync(join(directory.upper, "hole")).size).toBe(50 * 2 ** 20);
		await files.remove(move);
		expect(await files.list()).toEqual([]);
	});

	it.each<[string, readonly MoveMessage[]]>([
		[
			"a wrong checksum",
			[
				{ kind: "file", section: "images", name: "a.img" },
				{ kind: "file-end", bytes: 0, crc32: 7 },
			],
		],
		["a missing file", [{ kind: "manifest", files: 3, manifest: {} }]],
		["a source that gives up", [{ kind: "dismiss", reason: "no" }]],
		["an end in the middle", [{ kind: "file", section: "log", name: "stdout" }]],
	])("are refused with %s", async (_, messages) => {
		const { root } = await parts();
		const files = createMoveFiles(join(root, "moves"));
		const [near, far] = channels();
		const unpacker = files.unpacker(await files.make(move), () => null);
		const received = unpacker.receive(far);
		for (const message of messages) await near.send(message);
		await near.end();
		await expect(received).rejects.toThrow(/Cannot receive/);
		unpacker.cancel();
	});
});
