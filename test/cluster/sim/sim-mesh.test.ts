// The simulated mesh keeps the same contract as the real one.

import { expect, test } from "vitest";
import type { Mesh } from "../../../src/mesh/mesh.js";
import type { NodeId } from "../../../src/model.js";
import { type ContractNetwork, meshContract } from "../../mesh/contract.js";
import { createSimChance } from "./sim-chance.js";
import { createSimNetwork } from "./sim-mesh.js";
import { createSimProcess } from "./sim-process.js";
import { createTimeline } from "./timeline.js";

const LOOK_MS = 5;
const LOOKS_MAX = 10_000;

meshContract("the simulated mesh", async (): Promise<ContractNetwork> => {
	const timeline = createTimeline();
	const network = createSimNetwork(timeline, createSimChance("contract"));
	const join = (node: NodeId) => network.join(node, createSimProcess(timeline, { offsetMs: 0, rate: 1 }));
	// Time also moves on while the test awaits something else than `until`.
	let isOpen = true;
	const move = async () => {
		while (isOpen) await timeline.run(LOOK_MS);
	};
	void move();
	const keepAll = (meshes: readonly Mesh[]) => {
		const members = meshes.map((mesh) => ({ node: mesh.self, addresses: mesh.addresses() }));
		for (const mesh of meshes) mesh.keepConnected(members);
	};
	const members: Mesh[] = [];
	return {
		async members(count) {
			for (let index = 1; index <= count; index++) members.push(join(`N${index}` as NodeId));
			keepAll(members);
			return members;
		},
		stopMember: (mesh) => mesh.stop(),
		async restartMember(mesh) {
			const again = join(mesh.self);
			members.splice(members.indexOf(mesh), 1, again);
			keepAll(members);
			return again;
		},
		async until(what, look) {
			for (let looks = 0; looks < LOOKS_MAX; looks++) {
				const seen = look();
				if (seen) return seen as NonNullable<typeof seen>;
				await new Promise((resolve) => setImmediate(resolve));
			}
			throw new Error(`waited in vain for ${what}`);
		},
		async close() {
			isOpen = false;
		},
	};
});

test("a cut direction loses frames at once and is noticed later; a healed one carries again", async () => {
	const timeline = createTimeline();
	const network = createSimNetwork(timeline, createSimChance("cut"));
	const [n1, n2] = ["N1", "N2"] as [NodeId, NodeId];
	const [one, two] = [n1, n2].map((node) =>
		network.join(node, createSimProcess(timeline, { offsetMs: 0, rate: 1 })),
	) as [Mesh, Mesh];
	network.connectEverybody();
	await timeline.run(3000);
	const got: string[] = [];
	two.onFrame("state", (_, frame) => void got.push(`two ${Buffer.from(frame)}`));
	one.onFrame("state", (_, frame) => void got.push(`one ${Buffer.from(frame)}`));
	network.cut(n1, n2);
	one.broadcast("state", Buffer.from("lost"));
	two.broadcast("state", Buffer.from("heard"));
	await timeline.run(1000);
	expect(got).toEqual(["one heard"]);
	expect(one.peers()).toEqual([n2]);
	await timeline.run(10_000);
	expect(one.peers()).toEqual([]);
	network.healAll();
	await timeline.run(5000);
	one.broadcast("state", Buffer.from("again"));
	await timeline.run(100);
	expect(got).toEqual(["one heard", "two again"]);
});
