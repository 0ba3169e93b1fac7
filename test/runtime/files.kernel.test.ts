// Copies out of a container and into it: what arrives is what was there, and no link or name of either side leads out of the container's
// root.

import { execFileSync } from "node:child_process";
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { containerIdOf } from "../../src/model.js";
import { createRequest } from "../support/create-request.js";
import { missingForContainers, type NativeWorld, openNativeWorld } from "../support/native-world.js";

const missing = missingForContainers();
const web = containerIdOf("web", 0);
const never = new AbortController().signal;

describe.skipIf(missing !== null)(`files of containers${missing === null ? "" : ` (need ${missing})`}`, () => {
	let world: NativeWorld;
	let here: string;

	beforeAll(async () => {
		world = await openNativeWorld();
		const command = ["/bin/sh", "-c", "sleep 1000"];
		await world.runtime.create(createRequest(web, { command, image: world.image }), never);
		await world.runtime.start(web, 1, never);
	});
	afterAll(() => world.dispose());
	beforeEach(() => {
		here = mkdtempSync(join(tmpdir(), "swarm-files-"));
		return () => rmSync(here, { recursive: true, force: true });
	});

	const inside = async (script: string) => {
		const request = { command: ["/bin/sh", "-c", script], env: {}, workdir: null, user: null };
		const options = { terminal: null, stdin: false, detach: false, timeoutMs: null };
		const session = await world.runtime.exec(web, { ...request, ...options });
		const [out, complaint, code] = await Promise.all([text(session.stdout), text(session.stderr), session.exit]);
		if (code !== 0) throw new Error(`${script}: ${code}: ${complaint}`);
		return out.trim();
	};
	const archiveOf = async (path: string, name: string) => {
		const parts: Uint8Array[] = [];
		for await (const part of await world.runtime.readFiles(web, path, name, never)) parts.push(part);
		return Buffer.concat(parts);
	};
	const unpack = (tar: Buffer) => execFileSync("tar", ["--extract", "--directory", here], { input: tar });
	const packed = (...args: readonly string[]) =>
		execFileSync("tar", ["--create", "--directory", here, ...args], { maxBuffer: 256 * 2 ** 20 });
	const write = (path: string, how: "as" | "into", tar: Buffer) =>
		world.runtime.writeFiles(web, path, how, Readable.from([tar]), never);

	it("come out as they are: directories, modes, links, long names, empty and large files", async () => {
		const long = "n".repeat(120);
		await inside(`mkdir -p /data/deep/${long} && echo text > /data/a && chmod 640 /data/a && : > /data/empty &&
			ln -s ../../etc/passwd /data/link && dd if=/dev/zero of=/data/deep/${long}/large bs=1M count=3 2>/dev/null`);
		unpack(await archiveOf("/data", "copy"));
		expect(readFileSync(join(here, "copy/a"), "utf8")).toBe("text\n");
		const listed = execFileSync("find", ["copy", "-printf", "%y %m %s %l %f\\n"], { cwd: here }).toString();
		expect(listed).toContain("f 640 5  a\n");
		expect(listed).toContain("f 644 0  empty\n");
		expect(listed).toContain("l 777 16 ../../etc/passwd link\n");
		expect(listed).toContain(`f 644 ${3 * 2 ** 20}  large\n`);
	});

	it("come out by name and by what a link leads to, the kernel's own file systems empty, devices not at all", async () => {
		await inside("ln -sfn /data /way; mkdir -p /data; echo x > /data/b");
		unpack(await archiveOf("/way", "link"));
		expect(execFileSync("find", [join(here, "link"), "-printf", "%y %l"]).toString()).toBe("l /data");
		unpack(await archiveOf("/way/.", "all"));
		expect(readdirSync(join(here, "all"))).toContain("b");
		unpack(await archiveOf("/", "root"));
		expect(readdirSync(join(here, "root/proc"))).toEqual([]);
		expect(existsSync(join(here, "root/dev/null"))).toBe(false);
		await expect(archiveOf("/data/none", "x")).rejects.toMatchObject({ code: "not-found" });
	});

	it("go in below a directory that is there, else under the name, owned by the container's root", async () => {
		mkdirSync(join(here, "site/sub"), { recursive: true });
		writeFileSync(join(here, "site/sub/page"), "hello", { mode: 0o600 });
		await inside("mkdir -p /srv");
		await write("/srv", "as", packed("--owner=12345", "site"));
		await write("/srv/other", "as", packed("./site"));
		await write("/srv", "into", packed("--directory", join(here, "site"), "."));
		for (const path of ["/srv/site/sub/page", "/srv/other/sub/page", "/srv/sub/page"])
			expect(await inside(`cat ${path}; ls -ln ${path}`)).toMatch(/^hello-rw-------\s+1 0\s+0 /);
		const long = "d".repeat(99);
		await write("/srv", "into", packed("--format=gnu", `--transform=s/^/${long}\\//`, "site/sub/page"));
		expect(await inside(`cat /srv/${long}/site/sub/page`)).toBe("hello");
		await expect(write("/none/sub", "as", packed("site"))).rejects.toMatchObject({ code: "not-found" });
		await expect(write("/srv/file/", "into", packed("site"))).rejects.toMatchObject({ code: "not-found" });
	});

	it("never leave the container by links of the container or of the archive, nor by names of the archive", async () => {
		const target = join(here, "outside");
		mkdirSync(target);
		writeFileSync(join(target, "secret"), "the host's");
		// A link of the container to a directory of this machine: inside, it leads to a place of the container's own.
		await inside(`rm -rf /trap; ln -s ${target} /trap; ln -s ${target}/secret /leak`);
		await expect(archiveOf("/trap/secret", "x")).rejects.toMatchObject({ code: "not-found" });
		await expect(archiveOf("/trap/", "x")).rejects.toMatchObject({ code: "not-found" });
		mkdirSync(join(here, "in"));
		writeFileSync(join(here, "in/escape"), "x");
		await expect(write("/trap/", "into", packed("--directory", join(here, "in"), "escape"))).rejects.toThrow();
		// A link first, a file through it after.
		symlinkSync(target, join(here, "in/door"));
		const link = packed("--directory", join(here, "in"), "door").subarray(0, 512);
		const through = packed("--directory", join(here, "in"), "--transform=s/^/door\\//", "escape");
		await write("/", "into", Buffer.concat([link, through])).catch(() => {});
		const above = packed("--directory", join(here, "in"), "--absolute-names", "--transform=s/^/..\\/..\\//", "escape");
		await expect(write("/srv", "into", above)).rejects.toThrow("a name leads out of it");
		await write("/leak", "as", packed("--directory", join(here, "in"), "escape"));
		expect(readdirSync(target)).toEqual(["secret"]);
		expect(readFileSync(join(target, "secret"), "utf8")).toBe("the host's");
		expect(await inside("cat /leak")).toBe("x");
	});

	it("refuse devices, damaged archives and those that end early, and containers that do not run", async () => {
		execFileSync("mknod", [join(here, "disk"), "b", "7", "0"]);
		await expect(write("/srv", "into", packed("disk"))).rejects.toMatchObject({ code: "refused" });
		writeFileSync(join(here, "file"), "x".repeat(100_000));
		const tar = packed("file");
		await expect(write("/srv", "into", tar.subarray(0, 50_000))).rejects.toThrow("it ends early");
		await expect(write("/srv", "into", Buffer.alloc(2_048, 7))).rejects.toThrow("no tar archive");
		const none = containerIdOf("none", 0);
		await world.runtime.create(createRequest(none, { command: ["/bin/true"], image: world.image }), never);
		await expect(world.runtime.readFiles(none, "/", "x", never)).rejects.toMatchObject({ code: "conflict" });
	});

	it("can be copied while it is paused", async () => {
		await inside("echo still > /data/still");
		await world.runtime.pause(web, 1);
		unpack(await archiveOf("/data/still", "still"));
		expect(readFileSync(join(here, "still"), "utf8")).toBe("still\n");
		await world.runtime.resume(web, 1);
	});
});
