// SIGKILL of the daemon of the source or of the target while a container moves, at moments drawn by a seed (some ms after some
// step). Whatever the moment: one copy goes on from where it was, `swarm ps` says on which node, and nothing else is left.
// SWARM_MOMENTS says how many moments for each side (3 unless told), SWARM_SEED repeats a run (npm run test:kills -- --moments
// 10 --seed 7).

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cluster, missingForMoves } from "./cluster.js";
import { type Counter, startCounter } from "./counter.js";
import { moveAndAct, moveSteps } from "./moving.js";
import { expectOneCopy } from "./one-copy.js";
import { expectAlike, restingTracesOf, type Traces } from "./traces.js";

const name = "ct-kills";
const moments = Number(process.env.SWARM_MOMENTS ?? 3);
const seed = Number(process.env.SWARM_SEED ?? 1);
const MOMENT_MS_MAX = 180_000;
/** Steps take some ms to some hundred ms, on a slow machine more. */
const AFTER_MS_MAX = 150;

describe.skipIf(missingForMoves !== null)(
	`daemons killed during moves (need ${missingForMoves ?? "what is here"})`,
	() => {
		let cluster: Cluster;
		let counter: Counter;
		/** What is there while the container is on that node and nothing happens. */
		const quiet = new Map<string, Traces>();

		const movers = () => cluster.nodes.filter((node) => node.name !== "n3");

		beforeAll(async () => {
			cluster = await Cluster.up(name, 3);
			counter = await startCounter(cluster, { witness: "n3", memoryMib: 32 });
			// The first round brings the image and the directories of moves, the second is what an undisturbed one leaves.
			for (let round = 0; round < 4; round++) {
				const from = await counter.counts();
				await cluster.done("n3", "migrate", "counter", "--to", other(from));
				expect(await counter.counts()).toBe(other(from));
				quiet.set(other(from), await restingTracesOf(movers()));
			}
		}, 240_000);

		afterAll(async () => {
			await counter?.end();
			await cluster?.down();
		}, 60_000);

		for (const side of ["source", "target"] as const) {
			it(`of the ${side}, at ${moments} moments of seed ${seed}`, { timeout: moments * MOMENT_MS_MAX }, async () => {
				const chance = chanceOf(seed, side);
				for (let moment = 0; moment < moments; moment++) {
					const from = await counter.counts();
					const victim = side === "source" ? from : other(from);
					const step = moveSteps[Math.floor(chance() * moveSteps.length)] ?? "dump";
					const afterMs = Math.round(chance() * AFTER_MS_MAX);
					const act = async () => {
						await new Promise((resolve) => setTimeout(resolve, afterMs));
						await cluster.killDaemon(victim);
						// At once: past the patience of the others its container is theirs, and runs from where the move froze it.
						await cluster.startDaemon(victim);
					};
					await moveAndAct(cluster, { on: "n3", to: other(from), step, act });
					const holder = await expectOneCopy(cluster, counter);
					console.log(`  ${side} ${victim} killed ${afterMs} ms after ${step}: ${from} → ${holder}`);
					await expectAlike(movers(), quiet.get(holder) ?? {});
				}
				await counter.expectWholeLog();
			});
		}
	},
);

function other(node: string): string {
	return node === "n1" ? "n2" : "n1";
}

/** mulberry32: numbers in [0, 1) that are the same for the same seed and side. */
function chanceOf(seed: number, side: string): () => number {
	let state = seed * 2 + (side === "source" ? 0 : 1);
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}
