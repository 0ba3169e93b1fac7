// `swarm commit` over a real overlay: the new image shows what the container showed, removed files and replaced directories included,
// and goes out of the store and in again as an archive.

import { execFileSync } from "node:child_process";
import { createWriteStream, existsSync, mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { silentLogger } from "../../src/log.js";
import { containerIdOf } from "../../src/model.js";
import { commitContainer } from "../../src/node/commit.js";
import { layoutArchive } from "../../src/runtime/image/layout-archive.js";
import { type ImageStore, openImageStore } from "../../src/runtime/image/store.js";
import { createRequest } from "../support/create-request.js";
import { missingForContainers, type NativeWorld, openNativeWorld } from "../support/native-world.js";
import { ociTar } from "../support/oci-image.js";

const missing = missingForContainers();
const web = containerIdOf("web", 0);
const again = containerIdOf("again", 0);
const never = new AbortController().signal;

describe.skipIf(missing !== null)(`swarm commit on the kernel${missing === null ? "" : ` (needs ${missing})`}`, () => {
	let world: NativeWorld;
	let store: ImageStore;
	let directory: string;

	beforeAll(async () => {
		world = await openNativeWorld();
		directory = mkdtempSync("/var/tmp/swarm-commit-");
		store = await openImageStore({ directory: join(directory, "images"), logger: silentLogger, clock: systemClock });
		const rootfs = world.image.lowerDirectories[0] ?? "";
		execFileSync("sh", [
			"-c",
			`mkdir -p ${rootfs}/opt/old && echo 1 > ${rootfs}/opt/old/a && echo base > ${rootfs}/opt/base`,
		]);
		const layer = execFileSync("tar", ["--create", "--directory", rootfs, "."], { maxBuffer: 64 * 2 ** 20 });
		const archive = join(directory, "base.tar");
		await writeFile(
			archive,
			await ociTar({ layers: [layer], name: "base:1", config: { Env: ["PATH=/bin", "A=kept"] } }),
		);
		await store.importArchive(archive, { name: null, onProgress: () => {}, signal: never });
	});
	afterAll(async () => {
		await world?.dispose();
		rmSync(directory, { recursive: true, force: true });
	});

	const start = async (id: typeof web, image: string) => {
		const prepared = await store.prepare(image);
		const command = ["/bin/sh", "-c", "n=0; while :; do n=$((n+1)); echo $n > /t; mv /t /tick; done"];
		await world.runtime.create(createRequest(id, { command, image: prepared, address: null }), never);
		await world.runtime.start(id, 1, never);
	};
	const inside = async (id: typeof web, script: string) => {
		const request = { command: ["/bin/sh", "-c", script], env: {}, workdir: null, user: null };
		const options = { terminal: null, stdin: false, detach: false, timeoutMs: null };
		const session = await world.runtime.exec(id, { ...request, ...options });
		const [out, complaint, code] = await Promise.all([text(session.stdout), text(session.stderr), session.exit]);
		if (code !== 0) throw new Error(`${script}: ${code}: ${complaint}`);
		return out.trim();
	};
	const commit = (name: string) => {
		const parts = { runtime: world.runtime, store, clock: systemClock, directory: join(directory, "commits") };
		return commitContainer(parts, web, name, () => {}, never);
	};

	it("keeps what was written, removed and replaced, and goes on running", async () => {
		await start(web, "base:1");
		await inside(
			web,
			"rm -r /opt/old && mkdir /opt/old && echo new > /opt/old/b && rm /opt/base && ln -s /opt/old/b /opt/link",
		);
		await inside(
			web,
			"echo secret > /root/x && chmod 600 /root/x && mkdir -p /a/b/c && echo hidden > '/a/b/c/.wh.not-a-whiteout.x' || true",
		);
		await inside(web, "rm -f '/a/b/c/.wh.not-a-whiteout.x'; touch -d @1000000000 /a/b/c/dated");
		const summary = await commit("web:tried");
		expect(summary.name).toBe("web:tried");
		expect(world.runtime.get(web)?.phase).toBe("running");
		const before = await inside(web, "cat /tick");
		expect(await inside(web, "sleep 0.1; cat /tick")).not.toBe(before);
		await start(again, "web:tried");
		expect(
			await inside(again, "ls /opt /opt/old; cat /opt/link; stat -c %a /root/x; stat -c %Y /a/b/c/dated; echo $A"),
		).toBe("/opt:\nlink\nold\n\n/opt/old:\nb\nnew\n600\n1000000000\nkept");
		await world.runtime.remove(again, 1);
		expect(existsSync(join(directory, "commits/0"))).toBe(false);
	});

	it("goes out as an archive and in again with the same digest", async () => {
		const digest = store.get("web:tried")?.digest;
		const file = join(directory, "out.tar");
		await pipeline(Readable.from(layoutArchive(store, "web:tried")), createWriteStream(file));
		expect(execFileSync("tar", ["--list", "--file", file]).toString()).toContain("oci-layout\nindex.json\n");
		const other = await openImageStore({
			directory: join(directory, "other"),
			logger: silentLogger,
			clock: systemClock,
		});
		const taken = await other.importArchive(file, { name: null, onProgress: () => {}, signal: never });
		expect(taken).toMatchObject({ name: "web:tried", digest });
	});

	it("lets go of the archive when nobody reads on", async () => {
		const archive = Readable.from(layoutArchive(store, "web:tried"));
		archive.read(1);
		archive.destroy();
		expect(() => layoutArchive(store, "none:1")).toThrow("not on this node");
		expect(() => layoutArchive(store, "host")).toThrow("host");
	});

	it("refuses containers of the image host, and names that are none", async () => {
		await expect(commit("No Name")).rejects.toMatchObject({ code: "usage" });
		const host = { get: () => ({ ...world.runtime.get(web), imageName: "host" }) } as unknown as typeof world.runtime;
		const parts = { runtime: host, store, clock: systemClock, directory };
		await expect(commitContainer(parts, web, "x:1", () => {}, never)).rejects.toMatchObject({ code: "unsupported" });
	});
});
