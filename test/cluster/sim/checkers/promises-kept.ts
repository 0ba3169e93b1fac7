// A voter that said yes to a claim never says yes to a lower one, whatever crashes in between; looked at where its answers leave it.
// Workloads that were removed are left out: their promises are forgotten with them.

import type { LeasePromise } from "../../../../src/crdt/leases.js";
import { type NodeId, workloadOf } from "../../../../src/model.js";
import { decodeLeaseFrame, type LeaseFrame } from "../../../../src/node/lease/lease-frames.js";
import type { SimFrame } from "../sim-mesh.js";
import type { User } from "../user.js";
import type { World } from "../world.js";
import { BrokenPromise, type Checker } from "./checker.js";

export function promisesKept(world: World, user: () => User): Checker {
	const supposed = new Set<string>();
	const promised = new Map<string, LeasePromise>();

	const take = (voter: NodeId, owner: NodeId, { answers }: Extract<LeaseFrame, { kind: "answer" }>) => {
		for (const { container, epoch, granted } of answers) {
			if (!granted || user().wasRemoved(workloadOf(container))) continue;
			const key = `${voter} ${container}`;
			const before = promised.get(key);
			promised.set(key, { epoch, owner });
			if (before === undefined || epoch > before.epoch || (epoch === before.epoch && owner === before.owner)) continue;
			const had = `it had promised epoch ${before.epoch} to ${before.owner}`;
			const message = `${voter} said yes to ${owner} for ${container}, epoch ${epoch}: ${had}`;
			world.timeline.fail(new BrokenPromise(message));
		}
	};

	world.network.onSend = ({ from, to, plane, bytes }: SimFrame) => {
		if (plane !== "lease") return;
		const frame = decodeLeaseFrame(bytes);
		const named = `${frame.session} ${frame.question}`;
		if (frame.kind === "ask" && frame.owner !== null) supposed.add(named);
		if (frame.kind === "answer" && !supposed.has(named)) take(from, to, frame);
	};
	return { look() {}, conclude() {} };
}
