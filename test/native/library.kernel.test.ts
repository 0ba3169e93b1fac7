import { execFileSync } from "node:child_process";
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { createConnection, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SwarmError } from "../../src/errors.js";
import { until } from "../support/until.js";
import { missing, native } from "./support/trial.js";

const lacking = missing();
const own = `swt${process.pid % 10_000}`;

function codeOf(run: () => unknown): string {
	try {
		run();
	} catch (thrown) {
		if (thrown instanceof SwarmError) return thrown.code;
		throw thrown;
	}
	return "none";
}

function ip(...args: string[]): string {
	return execFileSync("ip", args, { encoding: "utf8" });
}

describe.skipIf(lacking !== null)(lacking === null ? "library" : `library (skipped: no ${lacking})`, () => {
	let directory: string;
	beforeAll(() => {
		directory = mkdtempSync(join(tmpdir(), "swarm-native-library-"));
	});
	afterAll(() => rmSync(directory, { recursive: true, force: true }));

	test("starts a program that has one end of a connection as descriptor 3", async () => {
		const answered = ["/bin/sh", "-c", 'read line <&3; echo "got $line" >&3'];
		const { pid, connection } = native.spawnConnected(answered, join(directory, "stderr"));
		const socket = new Socket({ fd: connection, readable: true, writable: true });
		socket.write("hello\n");
		const said: string[] = [];
		for await (const chunk of socket) said.push(String(chunk));
		expect(said.join("")).toBe("got hello\n");
		await until("it to be gone", () => !native.signal(pid, 0));
	});

	test("makes a container's directory with device nodes that anybody may open, whatever the umask", async () => {
		const path = join(directory, "container");
		await native.containerDirectoryMake(path);
		expect(statSync(path).mode & 0o777).toBe(0o700);
		expect(statSync(join(path, "shm")).mode & 0o7777).toBe(0o1777);
		const node = statSync(join(path, "dev/null"));
		expect([node.isCharacterDevice(), node.mode & 0o777, node.rdev]).toEqual([true, 0o666, 0x103]);
		expect(readlinkSync(join(path, "dev/stderr"))).toBe("/proc/self/fd/2");
		for (const name of ["upper", "work", "merged", "lower"]) expect(readdirSync(join(path, name))).toEqual([]);
		await expect(native.containerDirectoryMake(path)).rejects.toMatchObject({ code: "conflict" });
		expect(existsSync(join(path, "dev/null"))).toBe(true);
	});

	test("removes a directory of any depth, and nothing that its links lead to", async () => {
		const outside = join(directory, "outside");
		mkdirSync(outside);
		writeFileSync(join(outside, "kept"), "");
		const top = join(directory, "deep");
		let path = top;
		for (let level = 0; level < 200; level++) {
			path = join(path, "level");
			mkdirSync(path, { recursive: true });
			writeFileSync(join(path, "file"), "");
		}
		symlinkSync(outside, join(path, "link"));
		symlinkSync(outside, join(top, "link"));
		await native.directoryRemove(top);
		expect(existsSync(top)).toBe(false);
		expect(existsSync(join(outside, "kept"))).toBe(true);
		await native.directoryRemove(top);
	});

	test("takes any directory to be spread, also where the file system cannot", () => {
		native.directorySpread(directory);
		native.directorySpread("/proc");
		expect(codeOf(() => native.directorySpread(join(directory, "absent")))).toBe("not-found");
	});

	test("starts a program that is not our child, with nothing inherited but what was asked for", async () => {
		const before = readdirSync("/proc/self/fd").length;
		const pid = native.spawnDetached(["/bin/sleep", "1000"], {
			stderrPath: join(directory, "stderr"),
			socketPath: join(directory, "socket"),
		});
		const status = readFileSync(`/proc/${pid}/status`, "utf8");
		expect(Number(/PPid:\t(\d+)/.exec(status)?.[1])).not.toBe(process.pid);
		expect(status).toMatch(/SigBlk:\t0{16}/);
		expect(status).toMatch(/SigIgn:\t0{16}/);
		// The kernel says so a moment after the program has begun.
		await until("its environment to be empty", () => readFileSync(`/proc/${pid}/environ`, "utf8") === "");
		expect(readlinkSync(`/proc/${pid}/cwd`)).toBe("/");
		const session = readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[5];
		expect(Number(session)).toBe(pid);
		const descriptors = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
		expect(descriptors).toEqual([
			"/dev/null",
			"/dev/null",
			join(directory, "stderr"),
			expect.stringMatching(/^socket:/),
		]);
		expect(readdirSync("/proc/self/fd").length).toBe(before);
		const connection = createConnection(join(directory, "socket"));
		await new Promise((resolve) => connection.once("connect", resolve));
		connection.destroy();
		expect(native.signal(pid, 9)).toBe(true);
		await until("the program to end", () => !native.signal(pid, 0));
	});

	test("says why a program cannot be started and leaves no socket", () => {
		const options = { stderrPath: join(directory, "stderr"), socketPath: join(directory, "gone") };
		expect(codeOf(() => native.spawnDetached(["/no/such/program"], options))).toBe("not-found");
		expect(existsSync(join(directory, "gone"))).toBe(false);
		expect(codeOf(() => native.spawnDetached(["/bin/true"], { ...options, stderrPath: "/no/such/stderr" }))).toBe(
			"not-found",
		);
	});

	test("takes socket paths longer than 107 bytes", () => {
		const deep = join(directory, "x".repeat(100), "y".repeat(100));
		mkdirSync(deep, { recursive: true });
		const pid = native.spawnDetached(["/bin/sleep", "1000"], {
			stderrPath: "/dev/null",
			socketPath: join(deep, "socket"),
		});
		expect(statSync(join(deep, "socket")).isSocket()).toBe(true);
		native.signal(pid, 9);
	});

	test("makes bridge, namespace and link, and takes them away again", async () => {
		const bridge = `${own}b`;
		const host = `${own}v`;
		const netns = join(directory, "netns");
		const inside = readlinkSync("/proc/self/ns/net");
		try {
			native.bridgeEnsure(bridge, "10.213.0.1", 24, "02:00:0a:d5:00:01");
			native.bridgeEnsure(bridge, "10.213.0.1", 24, "02:00:0a:d5:00:01");
			native.netnsCreate(netns);
			expect(codeOf(() => native.netnsCreate(netns))).toBe("conflict");
			native.vethCreate({
				hostName: host,
				bridge,
				netnsPath: netns,
				address: "10.213.0.2",
				prefix: 24,
				gateway: "10.213.0.1",
				mac: "02:00:0a:d5:00:02",
				up: true,
			});
			expect(readlinkSync("/proc/self/ns/net")).toBe(inside);
			expect(ip("link", "show", host)).toContain(`master ${bridge}`);
			const view = execFileSync("nsenter", [`--net=${netns}`, "ip", "addr"], { encoding: "utf8" });
			expect(view).toMatch(/lo: <LOOPBACK,UP/);
			expect(view).toMatch(/eth0@.*UP.*\n.*02:00:0a:d5:00:02.*\n.*10\.213\.0\.2\/24/);
			expect(execFileSync("nsenter", [`--net=${netns}`, "ip", "route"], { encoding: "utf8" })).toContain(
				"default via 10.213.0.1 dev eth0",
			);
			execFileSync("nsenter", [`--net=${netns}`, "busybox", "ping", "-c", "1", "-W", "2", "10.213.0.1"]);
			native.linkSetUp(host, false);
			expect(ip("link", "show", host)).not.toMatch(/<[^>]*\bUP\b/);
			expect(
				codeOf(() =>
					native.vethCreate({
						hostName: host,
						bridge,
						netnsPath: netns,
						address: "10.213.0.3",
						prefix: 24,
						gateway: "10.213.0.1",
						mac: "02:00:0a:d5:00:03",
						up: true,
					}),
				),
			).toBe("conflict");
			native.netnsDelete(netns);
			native.netnsDelete(netns);
			expect(existsSync(netns)).toBe(false);
			await until("the link to go with its namespace", () => !existsSync(`/sys/class/net/${host}`));
		} finally {
			native.netnsDelete(netns);
			await native.linkDelete(host);
			await native.linkDelete(bridge);
			await native.linkDelete(bridge);
		}
		expect(existsSync(`/sys/class/net/${bridge}`)).toBe(false);
	});

	test("leaves no half-made link when the inside cannot be configured", () => {
		const bridge = `${own}b`;
		const netns = join(directory, "netns2");
		native.bridgeEnsure(bridge, "10.213.1.1", 24, "02:00:0a:d5:01:01");
		native.netnsCreate(netns);
		const options = {
			hostName: `${own}w`,
			bridge,
			netnsPath: netns,
			address: "10.213.1.2",
			prefix: 24,
			mac: "02:00:0a:d5:01:02",
			up: true,
		};
		expect(codeOf(() => native.vethCreate({ ...options, gateway: "192.168.77.1" }))).not.toBe("none");
		expect(existsSync(`/sys/class/net/${own}w`)).toBe(false);
		expect(codeOf(() => native.vethCreate({ ...options, gateway: "not an address" }))).toBe("usage");
		expect(codeOf(() => native.vethCreate({ ...options, gateway: "10.213.1.1", bridge: "nosuchbridge" }))).toBe(
			"not-found",
		);
		native.netnsDelete(netns);
		return native.linkDelete(bridge);
	});

	test("makes whiteouts and attributes, also on names that are not UTF-8", () => {
		const path = join(directory, "whiteout");
		native.makeNode(path, 0o020000, 0, 0);
		expect(statSync(path).isCharacterDevice()).toBe(true);
		const layer = join(directory, "layer");
		mkdirSync(layer);
		expect(native.getAttribute(layer, "trusted.overlay.opaque")).toBe(null);
		native.setAttribute(layer, "trusted.overlay.opaque", new TextEncoder().encode("y"));
		expect(native.getAttribute(layer, "trusted.overlay.opaque")).toEqual(new TextEncoder().encode("y"));
		const bytes = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0xfe])]);
		native.makeNode(bytes, 0o010000 | 0o644, 0, 0);
		expect(readdirSync(directory, { encoding: "buffer" }).some((name) => name[0] === 0xff)).toBe(true);
	});

	test("answers for processes that are gone", () => {
		expect(native.signal(2 ** 22 - 1, 0)).toBe(false);
		expect(codeOf(() => native.signal(0, 0))).toBe("usage");
	});

	test("refuses to freeze what is not a cgroup", () => {
		writeFileSync(join(directory, "file"), "");
		expect(codeOf(() => native.cgroupFreeze(directory, true, 100))).toBe("not-found");
	});
});
