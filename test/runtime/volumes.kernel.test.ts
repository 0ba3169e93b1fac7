// Volumes of containers through the runtime: what is kept, what is shown and how, and that no path of either side leads astray.

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
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { containerIdOf, standardSecurity, type VolumeMount } from "../../src/model.js";
import { plainExec } from "../../src/runtime/exec-request.js";
import { missingMappedLayers } from "../native/support/mapped-layers.js";
import { createRequest, type RequestWish } from "../support/create-request.js";
import { missingForContainers, type NativeWorld, openNativeWorld, untilEnded } from "../support/native-world.js";
import { until } from "../support/until.js";

const missing = missingForContainers();
const web = containerIdOf("web", 0);
const other = containerIdOf("other", 0);
const never = new AbortController().signal;
const data: VolumeMount = { kind: "volume", name: "data", target: "/var/lib/db", readOnly: false };
const userNamespace = { ...standardSecurity, userNamespace: true };

describe.skipIf(missing !== null)(`volumes${missing === null ? "" : ` (need ${missing})`}`, () => {
	let world: NativeWorld;
	let here: string;

	beforeAll(async () => {
		world = await openNativeWorld();
		here = mkdtempSync(join(tmpdir(), "swarm-volumes-"));
	});
	afterAll(async () => {
		await world.dispose();
		rmSync(here, { recursive: true, force: true });
	});
	afterEach(async () => {
		const { runtime } = world;
		for (const { container, epoch } of runtime.list()) await runtime.remove(container, epoch);
		for (const { name } of runtime.volumes.list()) runtime.volumes.remove(name);
	});

	let epoch = 0;
	const request = (script: string, wish: RequestWish) =>
		createRequest(web, { command: ["/bin/sh", "-c", script], image: world.image, ...wish, epoch: ++epoch });
	const onDisk = (path: string) => join(world.stateDirectory, "volumes/data/data", path);

	/** What it prints, in one string, after its end and removal. */
	const said = async (script: string, wish: RequestWish) => {
		const { runtime } = world;
		const wanted = request(script, wish);
		await runtime.create(wanted, never);
		await runtime.start(web, wanted.epoch, never);
		await untilEnded(runtime, web);
		const lines: string[] = [];
		for await (const line of runtime.logs(web, { tail: null, sinceMs: null, follow: false, stream: null }, never))
			lines.push(line.text);
		await runtime.remove(web, wanted.epoch);
		return lines.join("\n");
	};
	const inside = async (script: string) => {
		const session = await world.runtime.exec(web, plainExec(["/bin/sh", "-c", script]));
		const [out, complaint] = await Promise.all([text(session.stdout), text(session.stderr), session.exit]);
		return `${out}${complaint}`.trim();
	};

	for (const isolation of ["strict", "standard", "minimal"] as const)
		it(`keeps what a container with isolation ${isolation} wrote, over its removal and a new daemon`, async () => {
			const network = isolation === "minimal" ? ("host" as const) : ("none" as const);
			await said("echo kept > /var/lib/db/note", { isolation, network, volumes: [data] });
			expect(world.runtime.volumes.list()).toMatchObject([{ name: "data", labels: {} }]);
			const runtime = await world.reopen();
			expect(runtime.volumes.list()).toMatchObject([{ name: "data" }]);
			expect(await said("cat /var/lib/db/note", { isolation, network, volumes: [data] })).toBe("kept");
			expect(readFileSync(onDisk("note"), "utf8")).toBe("kept\n");
		});

	it("begins a volume with what the image has at its place, owner and mode too, once", async () => {
		const [rootfs = ""] = world.image.lowerDirectories;
		mkdirSync(join(rootfs, "srv/deep"), { recursive: true });
		writeFileSync(join(rootfs, "srv/deep/first"), "image\n");
		const own: VolumeMount = { ...data, target: "/srv" };
		await said("busybox chown 77:78 /srv; echo changed > /srv/deep/first", { volumes: [own] });
		expect(await said("cat /srv/deep/first; busybox stat -c %u:%g:%a /srv", { volumes: [own] })).toBe(
			"changed\n77:78:755",
		);
		expect(readdirSync(join(world.stateDirectory, "volumes/data")).sort()).toEqual(["data", "volume.json"]);
	});

	it("is read-only where the spec says so, and always without set-user-id programs and devices", async () => {
		await said("echo kept > /var/lib/db/note", { volumes: [data] });
		const told = await said("(touch /var/lib/db/x; busybox grep /var/lib/db /proc/mounts) 2>&1", {
			volumes: [{ ...data, readOnly: true }],
		});
		expect(told).toContain("Read-only file system");
		expect(told).toMatch(/ \/var\/lib\/db \S+ ro,nosuid,nodev/);
	});

	it("shares a path of the node between containers, with what is in it, read-only or not", async () => {
		const source = join(here, "shared");
		mkdirSync(source);
		writeFileSync(join(source, "file"), "of the node\n");
		const bind: VolumeMount = { kind: "bind", source, target: "/site", readOnly: false, shared: false };
		const file: VolumeMount = { ...bind, source: join(source, "file"), target: "/etc/one", readOnly: true };
		const { runtime } = world;
		const wanted = request("cat /etc/one > /site/copy; sleep 1000", { volumes: [file, bind] });
		await runtime.create(wanted, never);
		await runtime.start(web, wanted.epoch, never);
		const second = { ...wanted, container: other, epoch: ++epoch };
		await runtime.create(second, never);
		await runtime.start(other, second.epoch, never);
		await until("the copy", () => existsSync(join(source, "copy")));
		expect(await inside("cat /site/copy; echo x > /etc/one")).toMatch(/of the node\n.*Read-only/);
	});

	it("refuses a path of the node that is not there, leads over a link, or is the node's own state", async () => {
		const real = join(here, "real");
		mkdirSync(real);
		symlinkSync(real, join(here, "link"));
		const bind = (source: string): VolumeMount => ({
			kind: "bind",
			source,
			target: "/x",
			readOnly: false,
			shared: false,
		});
		const create = (source: string) => world.runtime.create(request("true", { volumes: [bind(source)] }), never);
		await expect(create(join(here, "absent"))).rejects.toMatchObject({
			code: "refused",
			message: /is not on this node/,
		});
		await expect(create(join(here, "link"))).rejects.toThrow(`wanted where it leads to: ${real}`);
		await expect(create(join(world.stateDirectory, "containers"))).rejects.toThrow("this node's own state");
		expect(world.runtime.list()).toEqual([]);
	});

	it("gives memory as a directory, of the size that was asked for, empty at each start", async () => {
		const volumes: readonly VolumeMount[] = [{ kind: "tmpfs", target: "/run", sizeBytes: 1024 * 1024 }];
		const script =
			"ls /run | busybox wc -l; dd if=/dev/zero of=/run/big bs=64k count=64 2>&1 | busybox grep -o 'No space.*'; busybox stat -c '%a %s' /run/big; busybox grep ' /run ' /proc/mounts";
		for (const isolation of ["standard", "strict"] as const)
			expect(await said(script, { volumes, isolation })).toMatch(
				/^0\nNo space left on device\n644 1048576\ntmpfs \/run tmpfs rw,nosuid,nodev/,
			);
	});

	it("mounts one volume inside another, whatever their order", async () => {
		const inner: VolumeMount = { kind: "tmpfs", target: "/var/lib/db/tmp", sizeBytes: 65_536 };
		expect(await said("echo a > /var/lib/db/tmp/x; ls /var/lib/db", { volumes: [data, inner] })).toBe("tmp");
		expect(existsSync(onDisk("tmp/x"))).toBe(false);
	});

	it.each(["/../../../../../../..", "/etc/../../..", ""])(
		"finds a target below %s of an image inside the root",
		async (lead) => {
			const [rootfs = ""] = world.image.lowerDirectories;
			const outside = join(here, "outside");
			for (const root of ["", rootfs]) mkdirSync(join(root, outside), { recursive: true });
			rmSync(join(rootfs, "out"), { force: true });
			symlinkSync(`${lead}${outside}`, join(rootfs, "out"));
			try {
				const volumes: readonly VolumeMount[] = [{ ...data, target: "/out/vol" }];
				expect(await said(`echo in > ${outside}/vol/file; cat /out/vol/file`, { volumes })).toBe("in");
				for (const root of ["", rootfs]) expect(readdirSync(join(root, outside))).toEqual([]);
				expect(readFileSync(onDisk("file"), "utf8")).toBe("in\n");
			} finally {
				rmSync(join(rootfs, "out"));
			}
		},
	);

	it("refuses a target that leads to the root itself, and leaves nothing of the volume", async () => {
		const [rootfs = ""] = world.image.lowerDirectories;
		symlinkSync("/", join(rootfs, "whole"));
		try {
			const wanted = request("true", { volumes: [{ ...data, target: "/whole" }] });
			await expect(world.runtime.create(wanted, never)).rejects.toThrow("it leads to the root itself");
			expect(world.runtime.volumes.list()).toEqual([]);
			expect(readdirSync(join(world.stateDirectory, "volumes"))).toEqual([".removed"]);
		} finally {
			rmSync(join(rootfs, "whole"));
		}
	});

	it("is not removed while a container has it, and says which", async () => {
		const wanted = request("sleep 1000", { volumes: [data] });
		await world.runtime.create(wanted, never);
		expect(() => world.runtime.volumes.remove("data")).toThrow("web.0 on this node has it");
		expect(() => world.runtime.volumes.create("data", {})).toThrow("this node has it already");
		await world.runtime.remove(web, wanted.epoch);
		world.runtime.volumes.remove("data");
		expect(world.runtime.volumes.get("data")).toBeNull();
		expect(() => world.runtime.volumes.remove("data")).toThrow("does not have it");
	});

	it("is used for the first time by many containers at once", async () => {
		const [rootfs = ""] = world.image.lowerDirectories;
		mkdirSync(join(rootfs, "many"), { recursive: true });
		for (let file = 0; file < 50; file++) writeFileSync(join(rootfs, "many", `f${file}`), "x");
		const ids = Array.from({ length: 6 }, (_, index) => containerIdOf("many", index));
		const volumes: readonly VolumeMount[] = [{ ...data, target: "/many" }];
		await Promise.all(
			ids.map(async (container) => {
				const wanted = { ...request("ls /many | busybox wc -l", { volumes }), container };
				await world.runtime.create(wanted, never);
				await world.runtime.start(container, wanted.epoch, never);
				await untilEnded(world.runtime, container);
			}),
		);
		expect(readdirSync(onDisk("")).length).toBe(50);
		for (const container of ids) expect(world.runtime.get(container)?.exitCode).toBe(0);
	});

	it("takes files by swarm cp, also in memory, unless it is read-only", async () => {
		const readOnly: VolumeMount = { kind: "volume", name: "kept", target: "/kept", readOnly: true };
		const volumes: readonly VolumeMount[] = [data, readOnly, { kind: "tmpfs", target: "/run", sizeBytes: 2 ** 20 }];
		const wanted = request("sleep 1000", { volumes, isolation: "strict" });
		await world.runtime.create(wanted, never);
		await world.runtime.start(web, wanted.epoch, never);
		writeFileSync(join(here, "copied"), "copied\n");
		const tar = execFileSync("tar", ["--create", "--directory", here, "copied"]);
		const write = (path: string) => world.runtime.writeFiles(web, path, "into", Readable.from([tar]), never);
		await write("/var/lib/db");
		await write("/run");
		await expect(write("/kept")).rejects.toThrow("Read-only file system");
		expect(await inside("cat /run/copied")).toBe("copied");
		expect(readFileSync(onDisk("copied"), "utf8")).toBe("copied\n");
	});

	it("is not a part of the image that a commit makes", async () => {
		const wanted = request("echo secret > /var/lib/db/note; echo own > /tmp/own; sleep 1000", { volumes: [data] });
		await world.runtime.create(wanted, never);
		await world.runtime.start(web, wanted.epoch, never);
		await until("the note", () => existsSync(onDisk("note")));
		const layer = await world.runtime.withWrittenLayer(
			web,
			async (tar) => {
				const parts: Uint8Array[] = [];
				for await (const part of tar) parts.push(part);
				return Buffer.concat(parts).toString("latin1");
			},
			never,
		);
		expect(layer).not.toContain("secret");
		expect(layer).toContain("var/lib/db/");
	});

	const lacking = missing ?? missingMappedLayers();
	it.skipIf(lacking !== null)(
		`keeps the container's own owners with a user namespace${lacking === null ? "" : ` (needs ${lacking})`}`,
		async () => {
			const [rootfs = ""] = world.image.lowerDirectories;
			mkdirSync(join(rootfs, "mapped"), { recursive: true });
			writeFileSync(join(rootfs, "mapped/first"), "x");
			const volumes: readonly VolumeMount[] = [
				{ ...data, target: "/mapped" },
				{ kind: "tmpfs", target: "/run", sizeBytes: 65_536 },
			];
			const script =
				"touch /mapped/made /run/made; busybox chown 5:6 /mapped/made; busybox stat -c %u:%g /mapped /mapped/first /mapped/made /run";
			expect(await said(script, { volumes, security: userNamespace })).toBe("0:0\n0:0\n5:6\n0:0");
			expect(await said("busybox stat -c %u:%g /mapped/made", { volumes })).toBe("5:6");
		},
	);
});
