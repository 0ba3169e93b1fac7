// Containers made, started and removed over and over, twenty at a time, through one daemon: what the machine and the daemon have
// afterwards is what they had before. `npm run test:loop` makes 10,000, `npm test` enough to see one that stays; both print
// before and after.

import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectLocal } from "../../src/node/api/client.js";
import { validateSpec } from "../../src/node/spec/validate-spec.js";
import { until } from "../support/until.js";
import { Cluster, missingForCluster } from "./cluster.js";
import { heldMb } from "./daemon-memory.js";
import { restingTracesOf } from "./traces.js";

const name = "ct-loop";
const TOTAL = Number(process.env.SWARM_COUNT ?? "200");
const AT_A_TIME = 20;
const IS_LONG = TOTAL >= 5_000;
/** More than the first ones need: code compiled, connections; of a long loop also the bounded memories of what was (4,096 events). */
const WARM_UP = IS_LONG ? 5_000 : 60;
/** Of what the daemon holds after collections; of a short loop those memories too. */
const HELD_MB_MAX = IS_LONG ? 1 : 8;
const AT_REST_MS_MAX = 120_000;

interface Inventory {
	readonly processes: number;
	readonly mounts: number;
	readonly cgroups: number;
	readonly veths: number;
	readonly netns: number;
	readonly descriptors: number;
	readonly heldMb: number;
	readonly residentMb: number;
}

describe.skipIf(missingForCluster !== null)(
	`a loop of containers (needs ${missingForCluster ?? "what is here"})`,
	() => {
		let cluster: Cluster;
		let made = 0;

		beforeAll(async () => {
			cluster = await Cluster.up(name, 1);
		}, 120_000);

		afterAll(async () => {
			await cluster?.down();
		}, 60_000);

		it(
			`leaves nothing of ${TOTAL}`,
			async () => {
				await loop(WARM_UP);
				const before = await inventory();
				await loop(TOTAL);
				// Links go in the kernel's own time, tombstones of the last workloads after half a minute.
				const after = await until(
					"links and tombstones to go",
					async () => {
						const now = await inventory();
						const isAtRest = now.heldMb - before.heldMb < HELD_MB_MAX;
						return isAtRest && now.veths === before.veths && now.descriptors === before.descriptors ? now : null;
					},
					AT_REST_MS_MAX,
				).catch(inventory);
				console.log(`before ${JSON.stringify(before)}\nafter  ${JSON.stringify(after)}  (${TOTAL} containers)`);
				const memory = { heldMb: 0, residentMb: 0 };
				expect({ ...after, ...memory }).toEqual({ ...before, ...memory });
				expect(after.heldMb - before.heldMb).toBeLessThan(HELD_MB_MAX);
			},
			60_000 + AT_REST_MS_MAX + (WARM_UP + TOTAL) * 1_500,
		);

		/** Twenty lines of work side by side, each making one container after the other. */
		async function loop(count: number): Promise<void> {
			const client = connectLocal(cluster.node("n1").stateDirectory);
			let left = count;
			const line = async () => {
				while (left-- > 0) {
					const workload = `loop-${made++}`;
					const spec = validateSpec({ name: workload, image: "host", command: ["sleep", "1000"], stopGrace: "0ms" });
					const { containers } = await client.deploy(spec);
					expect(containers).toMatchObject([{ phase: "running", error: null }]);
					await client.remove(workload);
				}
			};
			await Promise.all(Array.from({ length: AT_A_TIME }, line));
		}

		function residentMb(pid: number): number {
			const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
			return Math.round((Number(kib) * 1024) / 1e6);
		}

		async function inventory(): Promise<Inventory> {
			const traces = (await restingTracesOf(cluster.nodes)).n1 ?? [];
			const count = (kind: string) => traces.filter((line) => line.startsWith(kind)).length;
			const pid = (await cluster.daemonPid("n1")) as number;
			// Before the descriptors are counted: it takes some.
			const held = await heldMb(pid);
			return {
				processes: count("process "),
				mounts: count("mount "),
				cgroups: count("cgroup "),
				veths: traces.filter((line) => /^link sw[0-9a-f]{12}@/.test(line)).length,
				netns: traces.filter((line) => line.includes("/netns/")).length,
				descriptors: readdirSync(`/proc/${pid}/fd`).length,
				heldMb: held,
				residentMb: residentMb(pid),
			};
		}
	},
);
