// Nothing is lost: in the end every replica of every workload that was deployed and not removed runs on exactly one machine, and
// nothing else runs; what is paused runs nowhere. Meanwhile a container's counter never goes back, unless its machine lost power or a split let
// others take it over.

import { canonicalJson } from "../../../../src/crdt/canonical.js";
import { type ContainerId, containerIdOf, type ResourceRequest } from "../../../../src/model.js";
import { countOf } from "../sim-machine.js";
import type { User } from "../user.js";
import { runningOn, type World } from "../world.js";
import { BrokenPromise, type Checker, HEAL_MS_MAX } from "./checker.js";

interface Seen {
	readonly life: number;
	readonly count: number;
	readonly node: string;
}

export function nothingLost(world: World, user: () => User): Checker {
	const seen = new Map<string, Seen>();
	return {
		look() {
			const now = world.timeline.nowMs();
			const isExcused = now - Math.max(world.lastSplitMs, world.lastPowerCutMs) < HEAL_MS_MAX;
			for (const { node, machine } of world.nodes) {
				for (const container of machine.running()) {
					const { container: id } = container.state;
					const last = seen.get(id);
					const count = countOf(container, now);
					seen.set(id, { life: container.life, count, node });
					if (isExcused || last === undefined || last.life !== container.life) continue;
					if (count < last.count) {
						const before = `it had counted to ${last.count} on ${last.node}`;
						throw new BrokenPromise(`${id} went back to ${count} on ${node}: ${before}`);
					}
				}
			}
		},
		conclude() {
			const view = world.nodes[0]?.daemon?.state.view();
			for (const name of user().promised()) {
				const spec = view?.specs.get(name);
				if (spec === undefined) throw new BrokenPromise(`${name} was deployed and nobody knows it`);
				if (spec.removed) throw new BrokenPromise(`${name} is removed and nobody asked for it`);
			}
			const wanted = new Set<string>();
			for (const spec of view?.specs.values() ?? []) {
				for (let index = 0; !spec.removed && index < spec.spec.replicas; index++) {
					const container = containerIdOf(spec.name, index);
					wanted.add(container);
					const nodes = runningOn(world, container);
					if (nodes.length === (spec.desired === "paused" ? 0 : 1)) {
						refuseOtherLimits(world, container, spec.spec.resources);
						continue;
					}
					const known = describe(world, container);
					throw new BrokenPromise(`in the end ${container} runs on ${nodes.length} nodes: ${known}`);
				}
			}
			for (const { node, machine } of world.nodes) {
				for (const { state } of machine.containers.values()) {
					if (!wanted.has(state.container))
						throw new BrokenPromise(`in the end ${node} still holds ${state.container}`);
				}
			}
		},
	};
}

/** What was updated while it ran has arrived, wherever it runs now. */
function refuseOtherLimits(world: World, container: ContainerId, wanted: ResourceRequest): void {
	for (const { node, machine } of world.nodes)
		for (const { state } of machine.running()) {
			if (state.container !== container || canonicalJson(state.spec.resources) === canonicalJson(wanted)) continue;
			const has = canonicalJson(state.spec.resources);
			throw new BrokenPromise(`in the end ${container} on ${node} has ${has}, not ${canonicalJson(wanted)}`);
		}
}

/** What is known of a container, for whoever looks for the reason. */
function describe(world: World, container: ContainerId): string {
	const view = world.nodes[0]?.daemon?.state.view();
	const claim = view?.claims.get(container);
	const held = world.nodes.flatMap(({ node, machine }) => {
		const state = machine.containers.get(container)?.state;
		return state === undefined ? [] : [`${node} holds epoch ${state.epoch} ${state.phase} (${state.error})`];
	});
	const owner = claim === undefined ? "no claim" : `claim of ${claim.owner}, epoch ${claim.epoch}, ${claim.reason}`;
	return [owner, ...held].join("; ");
}
