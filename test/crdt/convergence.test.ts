import { expect, test } from "vitest";
import { createStoreWorld, viewText } from "../cluster/sim/store-world.js";
import { aClaim, aContainer, aSpecRecord } from "./records.js";

// Loss, cut directions, broken connections, killed daemons, lost disk tails and wrong clocks, all drawn by the seed.
test.each(Array.from({ length: 12 }, (_, index) => index))(
	"stores converge after a minute of faults, seed %i",
	async (seed) => {
		const world = await createStoreWorld(`converge ${seed}`, 3 + (seed % 3));
		const { chance, network, nodes, timeline } = world;
		network.setQuality({ delayMsMin: 0.5, delayMsMax: 60, frameLoss: 0.2, frameTwice: 0.05, frameAstray: 0.05 });
		const [names, containers] = [
			["web", "db", "mail"],
			["web.0", "db.0", "mail.0"],
		] as const;
		for (let step = 0; step < 120; step++) {
			const one = chance.pick(nodes);
			const other = chance.pick(nodes);
			const draw = chance.below(12);
			if (one.state === null) world.start(one);
			else if (draw < 3) {
				const time = one.state.time();
				const revision = (one.state.view().specs.get(names[step % 3] as string)?.revision ?? 0) + chance.below(2) || 1;
				one.state.commit([aSpecRecord(one.node, chance.pick(names), { time, revision })]).catch(() => {});
			} else if (draw < 6) {
				const time = one.state.time();
				const epoch = 1 + chance.below(step + 1);
				one.state
					.commit([aClaim(one.node, chance.pick(containers), { time, epoch, owner: other.node })])
					.catch(() => {});
			} else if (draw < 8) one.state.put([aContainer(one.node, chance.pick(containers), { epoch: 1 + step })]);
			else if (draw === 8 && one !== other) network.cut(one.node, other.node);
			else if (draw === 9) network.heal(one.node, other.node);
			else if (draw === 10) network.breakConnection(one.node, other.node);
			else {
				world.kill(one);
				one.clockOffsetMs = chance.between(-100_000, 100_000);
				if (chance.happens(0.5)) one.disk.crashMachine();
			}
			await timeline.run(chance.between(1, 1000));
		}
		network.healAll();
		for (const one of nodes) if (one.state === null) world.start(one);
		await timeline.run(40_000);
		const texts = new Set(nodes.map((_, index) => viewText(world.state(index))));
		expect(texts.size).toBe(1);
		expect([...texts][0]).toContain('"claim"');
	},
);

test("the same seed gives the same run, byte for byte", async () => {
	const runs = [0, 1].map(async () => {
		const world = await createStoreWorld("twice", 3);
		world.network.setQuality({ delayMsMin: 1, delayMsMax: 40, frameLoss: 0.3, frameTwice: 0.05, frameAstray: 0.05 });
		for (let step = 0; step < 40; step++) {
			const one = world.chance.pick(world.nodes);
			void one.state?.commit([aClaim(one.node, "web.0", { epoch: 1 + step, time: one.state.time() })]);
			await world.timeline.run(world.chance.between(1, 300));
		}
		return world.nodes.map((one) => Buffer.from(one.disk.backup()).toString("hex"));
	});
	const [first, second] = await Promise.all(runs);
	expect(first).toEqual(second);
});
