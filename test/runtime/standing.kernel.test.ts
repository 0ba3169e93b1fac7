import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { createLogger } from "../../src/log.js";
import { loadNative } from "../../src/native/binding.js";
import { nativePaths } from "../../src/native/paths.js";
import { type Cgroups, openCgroups, SPARE_PREFIX } from "../../src/runtime/cgroup/cgroups.js";
import { detectCgroups } from "../../src/runtime/cgroup/layout.js";
import { openIdRanges } from "../../src/runtime/security/id-ranges.js";
import { dismiss, type StandingParts, standReady } from "../../src/runtime/standing.js";
import { missingMappedLayers } from "../native/support/mapped-layers.js";
import { noTraces, tracesOf } from "../support/kernel.js";
import { missingForContainers } from "../support/native-world.js";
import { until } from "../support/until.js";

const missing = missingForContainers();

describe.skipIf(missing !== null)(
	`a container that stands ready${missing === null ? "" : ` (needs ${missing})`}`,
	() => {
		const scope = `s${process.pid}`;
		let base: string;
		let cgroups: Cgroups;
		const ids = "/run/stratoswarm/ids";
		let parts: StandingParts;
		const stand = async (name: string, hasUserNamespace = false) => {
			const directory = join(base, name);
			await loadNative().containerDirectoryMake(directory);
			return standReady(directory, `${SPARE_PREFIX}${name}`, hasUserNamespace, parts);
		};
		beforeEach(() => {
			base = mkdtempSync(`/var/tmp/swarm-${scope}-`);
			const signal = (pid: number, number: number) => loadNative().signal(pid, number);
			const logger = createLogger(() => {}, "warn");
			cgroups = openCgroups({ layout: detectCgroups(), scope, clock: systemClock, logger, signal });
			const ranges = openIdRanges(ids, scope);
			parts = { native: loadNative(), paths: nativePaths(), cgroups, clock: systemClock, ids: ranges };
		});
		afterEach(() => {
			cgroups.close();
			rmSync(base, { recursive: true });
			expect(tracesOf(scope)).toEqual(noTraces);
		});

		it("has a first process with namespaces of its own, and leaves nothing when it is dismissed", async () => {
			const standing = await stand("one");
			expect(existsSync(`/proc/${standing.pid}`)).toBe(true);
			expect(cgroups.spares()).toEqual([standing.cgroupName]);
			await dismiss(standing, parts);
			expect(cgroups.spares()).toEqual([]);
			await until("its process to end", () => !existsSync(`/proc/${standing.pid}`));
		});

		it("is dismissed when its monitor has ended too", async () => {
			const standing = await stand("slow");
			const { SIGSTOP, SIGCONT } = constants.signals;
			const [, monitor = ""] = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${standing.pid}/status`, "utf8")) ?? [];
			const commandLine = () => readFileSync(`/proc/${monitor}/cmdline`, "utf8");
			loadNative().signal(Number(monitor), SIGSTOP);
			const told: string[] = [];
			const dismissed = dismiss(standing, parts).then(() => {
				told.push("dismissed");
			});
			try {
				await until("the cgroup to be gone", () => cgroups.spares().length === 0);
				expect(commandLine()).toContain("swarm-monitor");
				expect(told).toEqual([]);
			} finally {
				loadNative().signal(Number(monitor), SIGCONT);
			}
			await dismissed;
			expect(existsSync(`/proc/${monitor}`) ? commandLine() : "").toBe("");
		});

		it("has a user namespace that owns its others, where it is to have one", async () => {
			if (missingMappedLayers() !== null) return;
			const standing = await stand("mapped", true);
			expect(standing.firstId).toBeGreaterThanOrEqual(0x70000000);
			for (const name of ["net", "uts", "ipc"])
				expect(readlinkSync(`/proc/${standing.pid}/ns/${name}`)).not.toBe(readlinkSync(`/proc/self/ns/${name}`));
			const owners = () => readdirSync(ids).map((name) => readlinkSync(join(ids, name)));
			expect(owners()).toContain(`${scope}/${standing.cgroupName}`);
			await dismiss(standing, parts);
			expect(owners().filter((owner) => owner.startsWith(`${scope}/`))).toEqual([]);
		});

		it("ends by itself when its daemon goes away", async () => {
			const standing = await stand("two");
			standing.monitor.close();
			await until("its process to end", () => !existsSync(`/proc/${standing.pid}`));
			await cgroups.discard(standing.cgroupName);
		});

		it("says that it ended to a daemon that is there", async () => {
			const standing = await stand("three");
			loadNative().signal(standing.pid, 9);
			await until("its monitor to go", () => !standing.monitor.isOpen);
			await cgroups.discard(standing.cgroupName);
		});
	},
);
