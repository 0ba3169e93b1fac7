// From the view to the scheduler's question: one snapshot a node, with what is promised there. Pure.

import type { ClusterView } from "../crdt/state.js";
import type { ContainerId, NodeId, Spec } from "../model.js";
import { schedule } from "../scheduler/decide.js";
import type { Decision, NodeSnapshot } from "../scheduler/schedule.js";
import type { MembershipPort } from "./ports.js";
import { restartAfter } from "./restart.js";
import { volumePlacesOf } from "./volume-places.js";

export interface PlacementFacts {
	readonly view: ClusterView;
	readonly membership: MembershipPort;
	/** Claims decided in the same breath and not in the view yet. */
	readonly pending: readonly { readonly container: ContainerId; readonly owner: NodeId; readonly spec: Spec }[];
}

export function decide(
	facts: PlacementFacts,
	spec: Spec,
	container: ContainerId,
	exclude: readonly NodeId[],
): Decision {
	return schedule(snapshotsOf(facts, { spec, container }), { spec, resources: spec.resources, exclude });
}

/** Every member that has not left, as the scheduler sees it for `wanted`, without what that container itself takes. */
export function snapshotsOf(
	facts: PlacementFacts,
	wanted: { readonly spec: Spec; readonly container: ContainerId } | null,
): readonly NodeSnapshot[] {
	const promised = promisedOf(facts, wanted?.container ?? null);
	const places = wanted === null ? [] : volumePlacesOf(facts.view, wanted.spec, makersOf(facts, promised));
	const image = wanted?.spec.image ?? null;
	const sizeBytes = image === null ? null : imageBytes(facts.view, image);
	const byOwner = Map.groupBy(promised, ({ owner }) => owner);
	const holders = new Set(facts.view.images.filter(({ name }) => name === image).map(({ node }) => node));
	return [...facts.view.nodes.values()]
		.filter((record) => !record.left)
		.map((record) => {
			const here = byOwner.get(record.node) ?? [];
			return {
				node: record.node,
				name: record.name,
				labels: record.labels,
				role: record.role ?? "member",
				liveness: facts.membership.liveness(record.node),
				hardware: record.hardware,
				limits: record.limits ?? null,
				sample: facts.membership.sample(record.node),
				requested: {
					cpus: here.reduce((sum, promise) => sum + (promise.spec.resources.cpus ?? 0), 0),
					memoryBytes: here.reduce((sum, promise) => sum + (promise.spec.resources.memoryBytes ?? 0), 0),
				},
				siblings: here.filter((promise) => promise.spec.name === wanted?.spec.name).length,
				portsTaken: here.flatMap((promise) => promise.spec.ports.map((port) => `${port.protocol}/${port.host}`)),
				image: {
					present: holders.has(record.node),
					missingBytes: sizeBytes,
				},
				volumes: places.map(({ name, nodes }) => ({
					name,
					here: nodes.includes(record.node),
					elsewhere: nodes
						.filter((node) => node !== record.node && (wanted?.spec.policy !== "available" || isAlive(facts, node)))
						.map((node) => facts.view.nodes.get(node)?.name ?? node),
				})),
			};
		});
}

/** A node that is down makes nothing. */
function makersOf(facts: PlacementFacts, promised: readonly Promised[]): readonly Promised[] {
	return promised.filter(({ owner }) => isAlive(facts, owner));
}

function isAlive({ membership }: PlacementFacts, node: NodeId): boolean {
	return membership.liveness(node) === "alive";
}

interface Promised {
	readonly container: ContainerId;
	readonly owner: NodeId;
	readonly spec: Spec;
}

/** What runs or will run: claims of wanted containers that have not ended or start again, and the pending ones. */
function promisedOf(facts: PlacementFacts, without: ContainerId | null): readonly Promised[] {
	const promised: Promised[] = [];
	for (const claim of facts.view.claims.values()) {
		if (claim.container === without) continue;
		const spec = facts.view.specs.get(claim.workload);
		if (spec === undefined || spec.removed || spec.desired === "stopped") continue;
		const ended = (facts.view.containers.get(claim.container) ?? []).some(
			(record) =>
				record.epoch === claim.epoch &&
				(record.phase === "stopped" || record.phase === "failed") &&
				restartAfter(record, spec.spec.restart, claim) === null,
		);
		if (!ended) promised.push({ container: claim.container, owner: claim.owner, spec: spec.spec });
	}
	return [...promised, ...facts.pending.filter((pending) => pending.container !== without)];
}

/** Bytes of an image somewhere in the cluster; null when nobody has it. */
function imageBytes(view: ClusterView, name: string): number | null {
	return view.images.find((image) => image.name === name)?.sizeBytes ?? null;
}

/** A free address of the container network 10.99.0.0/16, unique among all records; `fraction` in [0, 1). */
export function freeAddress(view: ClusterView, taken: ReadonlySet<string>, fraction: () => number): string | null {
	const used = new Set(taken);
	for (const records of view.containers.values())
		for (const record of records) if (record.address !== null) used.add(record.address);
	for (let attempt = 0; attempt < ADDRESS_ATTEMPTS_MAX; attempt++) {
		// 1.0 to 254.255: the first and last block stay free for gateways.
		const number = 256 + Math.floor(fraction() * 254 * 256);
		const address = `10.99.${number >> 8}.${number & 255}`;
		if (!used.has(address)) return address;
	}
	return null;
}

const ADDRESS_ATTEMPTS_MAX = 1_000;

/** `n1: has 0.2 of 1 CPUs free` for every refused node. */
export function refusalsOf(decision: Decision): string {
	return decision.rows
		.flatMap((row) =>
			row.refusals.length === 0 ? [] : [`${row.name}: ${row.refusals.map((r) => r.reason).join(", ")}`],
		)
		.join("; ");
}
