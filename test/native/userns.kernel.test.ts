// User namespaces: the container's root is nobody outside, and what it sees of files has its own ids.

import { once } from "node:events";
import { mkdtempSync, readFileSync, rmdirSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ORPHANED } from "../../src/model.js";
import type { LaunchConfig } from "../../src/native/launch.js";
import { decodeExit } from "../../src/runtime/monitor-protocol.js";
import { until } from "../support/until.js";
import { missingMappedLayers } from "./support/mapped-layers.js";
import {
	launchConfig,
	make,
	makeDirectory,
	makeRoot,
	missing,
	native,
	securityOf,
	spawn,
	spawnAlone,
	type Trial,
} from "./support/trial.js";

const lacking = missing() ?? missingMappedLayers();
const FIRST = 0x70000000;

describe.skipIf(lacking !== null)(`user namespaces${lacking === null ? "" : ` (needs ${lacking})`}`, () => {
	let root: ReturnType<typeof makeRoot>;
	let trial: Trial | null = null;
	beforeAll(() => {
		root = makeRoot();
	});
	afterEach(async () => {
		await trial?.dispose();
		trial = null;
	});
	afterAll(() => root.dispose());

	async function run(script: string, overrides: Partial<LaunchConfig> = {}) {
		const security = securityOf({}, "standard", FIRST);
		trial = await make(root.path, { args: ["sh", "-c", script], security, ...overrides });
		expect(await trial.ask("start 3")).toBe("ok start");
		await trial.exited();
		return trial.log("stdout").map((line) => line.slice(2));
	}

	test("root inside is nobody outside, and owns what it makes", async () => {
		trial = await make(root.path, { security: securityOf({}, "standard", FIRST) });
		await trial.ask("start 3");
		const status = readFileSync(`/proc/${trial.pid}/status`, "utf8");
		expect(status).toMatch(new RegExp(`^Uid:\\t${FIRST}\\t${FIRST}\\t${FIRST}\\t${FIRST}$`, "m"));
		expect(readFileSync(`/proc/${trial.pid}/uid_map`, "utf8").trim().split(/\s+/)).toEqual([
			"0",
			String(FIRST),
			"65536",
		]);
		await trial.dispose();
		const lines = await run(
			"id -u; stat -c %u:%g /bin/busybox /dev /dev/null /dev/shm /tmp; touch /tmp/mine; chown 5:7 /tmp/mine; stat -c %u:%g /tmp/mine; mkdir /made && stat -c %u /made; echo x > /dev/stdout",
		);
		expect(lines).toEqual(["0", "0:0", "0:0", "0:0", "0:0", "0:0", "5:7", "0", "x"]);
		const mine = statSync(join(trial?.directory ?? "", "upper/tmp/mine"));
		expect([mine.uid, mine.gid]).toEqual([5, 7]);
	});

	test.each(["while it is being made", "while it waits for its network"])(
		"is given up, with the reason, when its daemon ends %s",
		async (moment) => {
			const launch = launchConfig(root.path, `swarm-test-native-${process.pid}-left`, {
				security: securityOf({}, "standard", FIRST),
				networkLater: true,
			});
			const directory = makeDirectory(launch);
			try {
				const { monitorPid, connection } = spawn(directory);
				if (moment.includes("waits")) await connection.line((line) => line.startsWith("state standing"));
				connection.socket.destroy();
				await until("the monitor to end", () => !native.signal(monitorPid, 0));
				const record = decodeExit(readFileSync(join(directory, "exit"), "utf8"));
				expect(record).toMatchObject({ exitCode: null, reason: ORPHANED });
				expect(readFileSync(join(launch.cgroup2, "cgroup.procs"), "utf8")).toBe("");
			} finally {
				for (const cgroup of [launch.cgroup2, ...launch.cgroup1]) rmdirSync(cgroup);
				rmSync(directory, { recursive: true, force: true });
			}
		},
	);

	test("is given up when its daemon has ended before it was heard, which is noticed with the first word to it", async () => {
		const launch = launchConfig(root.path, `swarm-test-native-${process.pid}-unheard`, {
			security: securityOf({}, "standard", FIRST),
			networkLater: true,
		});
		const directory = makeDirectory(launch);
		const { monitorPid, socketPath } = spawnAlone(directory);
		const { SIGSTOP, SIGCONT, SIGKILL } = constants.signals;
		const children = () => readFileSync(`/proc/${monitorPid}/task/${monitorPid}/children`, "utf8");
		const init = await until("its init", () => Number(children()));
		let looks = 0;
		const sleeps = () => {
			looks = readFileSync(`/proc/${init}/status`, "utf8").includes("State:\tS") ? looks + 1 : 0;
			return looks > 3;
		};
		await until("it to be mapped", () => readFileSync(`/proc/${init}/uid_map`, "utf8") !== "");
		native.signal(monitorPid, SIGSTOP);
		await until("it to wait for its network", sleeps);
		const daemon = connect(socketPath);
		await once(daemon, "connect");
		daemon.destroy();
		await once(daemon, "close");
		native.signal(monitorPid, SIGCONT);
		const hasEnded = () => !native.signal(monitorPid, 0);
		try {
			await until("the monitor to end", hasEnded);
			const record = decodeExit(readFileSync(join(directory, "exit"), "utf8"));
			expect(record).toMatchObject({ exitCode: null, reason: ORPHANED });
		} finally {
			for (const pid of [init, monitorPid]) native.signal(pid, SIGKILL);
			await until("all to end", hasEnded);
			for (const cgroup of [launch.cgroup2, ...launch.cgroup1]) rmdirSync(cgroup);
			rmSync(directory, { recursive: true, force: true });
		}
	});

	test("another user, a working directory, files and binds have the container's ids", async () => {
		const data = mkdtempSync(join(tmpdir(), "swarm-userns-"));
		const lines = await run("id; pwd; stat -c %u . /etc/hosts /data; touch /data/x; echo to > /dev/stdout", {
			user: "web",
			workdir: "/made/for/it",
			files: [{ path: "/etc/hosts", content: "x" }],
			binds: [{ source: data, target: "/data", readOnly: false }],
		});
		expect(lines).toEqual([
			"uid=1000(web) gid=1001(web) groups=6(disk),77(extra)",
			"/made/for/it",
			"0",
			"0",
			"0",
			"to",
		]);
		rmSync(data, { recursive: true });
	});

	test("with every capability it has power over nothing of the node", async () => {
		const capabilities = { add: ["ALL"], drop: [], ambient: [] };
		const security = securityOf({ capabilities, seccomp: "unconfined" }, "standard", FIRST);
		const corePattern = readFileSync("/proc/sys/kernel/core_pattern", "utf8");
		const lines = await run(
			[
				"exec 2>/dev/null",
				"mknod /tmp/disk b 8 0 || echo no device",
				"umount /proc/sys; echo x > /proc/sys/kernel/core_pattern || echo no core pattern",
				"umount /proc/sysrq-trigger; echo h > /proc/sysrq-trigger || echo no sysrq",
				"cp /bin/busybox /tmp/su && chmod 4755 /tmp/su && stat -c %u:%a /tmp/su",
				"kill -0 -1; ls /proc | grep -c '^[0-9]'",
				"ip link add probe type bridge && echo a network of its own",
				"mkdir /made && mount -t tmpfs none /made && echo mounts of its own",
			].join("\n"),
			{ security },
		);
		expect(lines).toEqual([
			"no device",
			"no core pattern",
			"no sysrq",
			"0:4755",
			expect.stringMatching(/^[1-4]$/),
			"a network of its own",
			"mounts of its own",
		]);
		expect(readFileSync("/proc/sys/kernel/core_pattern", "utf8")).toBe(corePattern);
	});
});
