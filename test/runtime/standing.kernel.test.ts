import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { createLogger } from "../../src/log.js";
import { loadNative } from "../../src/native/binding.js";
import { nativePaths } from "../../src/native/paths.js";
import { type Cgroups, openCgroups, SPARE_PREFIX } from "../../src/runtime/cgroup/cgroups.js";
import { detectCgroups } from "../../src/runtime/cgroup/layout.js";
import { dismiss, standReady } from "../../src/runtime/standing.js";
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
		const stand = async (name: string) => {
			const native = loadNative();
			const directory = join(base, name);
			await native.containerDirectoryMake(directory);
			return standReady(directory, `${SPARE_PREFIX}${name}`, {
				native,
				paths: nativePaths(),
				cgroups,
				clock: systemClock,
			});
		};
		beforeEach(() => {
			base = mkdtempSync(`/var/tmp/swarm-${scope}-`);
			const signal = (pid: number, number: number) => loadNative().signal(pid, number);
			const logger = createLogger(() => {}, "warn");
			cgroups = openCgroups({ layout: detectCgroups(), scope, clock: systemClock, logger, signal });
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
			await dismiss(standing, cgroups);
			expect(cgroups.spares()).toEqual([]);
			await until("its process to end", () => !existsSync(`/proc/${standing.pid}`));
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
