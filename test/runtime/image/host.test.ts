import { chmod, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/clock.js";
import { silentLogger } from "../../../src/log.js";
import * as host from "../../../src/runtime/image/host.js";
import { createHostImage, RECHECK_MS } from "../../../src/runtime/image/host-image.js";
import { temporaryDirectory } from "../../support/temporary.js";
import { until } from "../../support/until.js";

const { hostImageDigest } = host;
const prepareHost = async (root: string, directory: string) => (await host.prepareHost(root, directory)).image;

/** A small Debian: merged /usr, or not. */
async function machine(options: { merged: boolean; release?: string; libc?: string }): Promise<string> {
	const root = await temporaryDirectory();
	await mkdir(join(root, "usr/lib/x86_64-linux-gnu"), { recursive: true });
	await mkdir(join(root, "etc/ssl/private"), { recursive: true });
	await mkdir(join(root, "etc/ssl/certs"));
	await mkdir(join(root, "root"));
	if (options.merged) await symlink("usr/lib", join(root, "lib"));
	else await mkdir(join(root, "lib/x86_64-linux-gnu"), { recursive: true });
	await writeFile(join(root, "lib/x86_64-linux-gnu/libc.so.6"), options.libc ?? "libc");
	await writeFile(join(root, "etc/os-release"), `ID=debian\nVERSION_ID="${options.release ?? "12"}"\n`);
	await writeFile(join(root, "etc/ssl/private/key.pem"), "secret");
	await writeFile(join(root, "etc/ssl/certs/ca.pem"), "public");
	await writeFile(join(root, "etc/services"), "http 80/tcp\n");
	await writeFile(join(root, "etc/shadow"), "root:secret");
	await writeFile(join(root, "etc/ld.so.conf"), "hidden");
	await chmod(join(root, "etc/ld.so.conf"), 0o600);
	const passwd = [
		"root:x:0:0:root:/root:/bin/bash",
		"daemon:x:1:1:d:/usr/sbin:/x",
		"anna:x:1000:1000:Anna:/home/anna:/x",
	];
	await writeFile(join(root, "etc/passwd"), passwd.join("\n"));
	return root;
}

describe("the host image", () => {
	it("shows the real program directories and links to them, read-only", async () => {
		const merged = await prepareHost(await machine({ merged: true }), await temporaryDirectory());
		expect(merged.hostPaths).toEqual(["/usr"]);
		const [skeleton = ""] = merged.lowerDirectories;
		expect(await readlink(join(skeleton, "lib"))).toBe("usr/lib");
		const apart = await prepareHost(await machine({ merged: false }), await temporaryDirectory());
		expect(apart.hostPaths).toEqual(["/usr", "/lib"]);
		expect(apart.config).toMatchObject({ command: ["/bin/sh"], workdir: "/", env: { PATH: expect.any(String) } });
	});

	it("shows no secret, no person and nothing that not everybody may read", async () => {
		const [skeleton = ""] = (await prepareHost(await machine({ merged: true }), await temporaryDirectory()))
			.lowerDirectories;
		expect((await readdir(join(skeleton, "etc"))).sort()).toEqual(
			["group", "mtab", "nsswitch.conf", "os-release", "passwd", "services", "ssl"].sort(),
		);
		expect(await readdir(join(skeleton, "etc/ssl"))).toEqual(["certs"]);
		expect(await readdir(join(skeleton, "root"))).toEqual([]);
		const passwd = await readFile(join(skeleton, "etc/passwd"), "utf8");
		expect(passwd).toMatch(/^root:x:0:0:root:\/root:\/bin\/sh\ndaemon:x:1:1:/);
		expect(passwd).not.toContain("anna");
		expect((await stat(join(skeleton, "tmp"))).mode & 0o7777).toBe(0o1777);
	});

	it("writes one skeleton for one content, and leaves the old one when /etc changes", async () => {
		const root = await machine({ merged: true });
		const directory = await temporaryDirectory();
		const first = await prepareHost(root, directory);
		expect((await prepareHost(root, directory)).lowerDirectories).toEqual(first.lowerDirectories);
		await writeFile(join(root, "etc/services"), "https 443/tcp\n");
		const second = await prepareHost(root, directory);
		expect(second.lowerDirectories).not.toEqual(first.lowerDirectories);
		expect(second.digest).toBe(first.digest);
		expect(await readdir(directory)).toHaveLength(2);
	});

	it("is read once, and again when something was installed, replaced or removed", async () => {
		const root = await machine({ merged: true });
		const image = createHostImage({
			root,
			directory: await temporaryDirectory(),
			clock: systemClock,
			logger: silentLogger,
		});
		const first = await image.prepare();
		expect(await image.prepare()).toBe(first);
		await writeFile(join(root, "etc/ssl/certs/new.pem"), "public");
		const second = await image.prepare();
		expect(second.lowerDirectories).not.toEqual(first.lowerDirectories);
		await writeFile(join(root, "etc/services"), "https 443/tcp\n");
		expect((await image.prepare()).lowerDirectories).not.toEqual(second.lowerDirectories);
		await writeFile(join(root, "usr/lib/x86_64-linux-gnu/libc.so.6"), "libc 2");
		expect((await image.prepare()).digest).not.toBe(first.digest);
	});

	it("shows a file that was written in place after a while", async () => {
		const root = await machine({ merged: true });
		let nowMs = 0;
		const clock = { ...systemClock, monotonicMs: () => nowMs };
		const image = createHostImage({ root, directory: await temporaryDirectory(), clock, logger: silentLogger });
		const first = await image.prepare();
		await writeFile(join(root, "etc/ssl/certs/ca.pem"), "another");
		nowMs = RECHECK_MS + 1;
		await image.prepare();
		await until("the skeleton to be another", async () => (await image.prepare()) !== first);
	});

	it("has the same digest on alike machines, another with another release, layout or C library", async () => {
		const digest = await hostImageDigest(await machine({ merged: true }));
		expect(await hostImageDigest(await machine({ merged: true }))).toBe(digest);
		const others = await Promise.all(
			[{ merged: false }, { merged: true, release: "13" }, { merged: true, libc: "libc 2" }].map(async (options) =>
				hostImageDigest(await machine(options)),
			),
		);
		expect(new Set([digest, ...others]).size).toBe(4);
	});

	it("prepares this very machine", async () => {
		const prepared = await prepareHost("/", await temporaryDirectory());
		const [skeleton = ""] = prepared.lowerDirectories;
		expect(prepared.hostPaths).toContain("/usr");
		expect(await readFile(join(skeleton, "etc/passwd"), "utf8")).toContain("root:x:0:0");
		expect(await readdir(join(skeleton, "etc"))).not.toContain("shadow");
	});
});
