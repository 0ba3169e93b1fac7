// The user of a simulated cluster: asks random daemons for random things, and remembers what was promised to it.

import type { ContainerId, RestartPolicy, Spec, SpecRecord } from "../../../src/model.js";
import { containerIdOf, wholeSpec } from "../../../src/model.js";
import { HEAL_MS_MAX } from "./checkers/checker.js";
import type { SimDaemon } from "./sim-node.js";
import type { Weather } from "./weather.js";
import type { World, WorldNode } from "./world.js";

export interface User {
	/** Does one thing; the two ends of a move that it began, else null. */
	act(): readonly [WorldNode, WorldNode] | null;
	/**
	 * Workloads whose deploy was answered with success and whose removal was not asked for. None whose name was used while
	 * the cluster was split: there the later revision wins, and the other side's wish with it.
	 */
	promised(): ReadonlySet<string>;
	/** Whether the name was given twice at nearly the same time: both deploys can succeed before they hear of each other. */
	isDisputed(name: string): boolean;
	/** Whether its removal was ever asked for. */
	wasRemoved(name: string): boolean;
	readonly counts: { deployed: number; removed: number; moved: number; refused: number };
}

const NAMES = ["web", "db", "mail", "cache", "queue"] as const;

export function createUser(world: World, about: Weather["user"]): User {
	const chance = world.chance.split("user");
	const promised = new Set<string>();
	const contested = new Set<string>();
	const removalsAsked = new Map<string, number>();
	const deploysAskedAtMs = new Map<string, number>();
	const disputedAtMs = new Map<string, number>();
	const counts = { deployed: 0, removed: 0, moved: 0, refused: 0 };
	const patience = new AbortController().signal;

	const answer = (what: string, work: Promise<unknown>, onDone: () => void) => {
		world.note(`user: ${what}`);
		work.then(
			() => {
				world.note(`user: ${what}: done`);
				onDone();
			},
			(thrown) => {
				world.note(`user: ${what}: ${String(thrown)}`);
				counts.refused += 1;
			},
		);
	};

	const noteSplit = (name: string) => {
		const isSplit = world.nodes.some((one) => one.isolatedSinceMs !== null);
		if (isSplit) contested.add(name);
	};

	/** A name keeps its policy. */
	const isExclusive = (name: string) => about === "owner" || name === "db" || name === "queue";

	const deploy = (daemon: SimDaemon, name: string) => {
		const now = world.timeline.nowMs();
		if (now - (deploysAskedAtMs.get(name) ?? Number.NEGATIVE_INFINITY) < HEAL_MS_MAX) disputedAtMs.set(name, now);
		deploysAskedAtMs.set(name, now);
		const removals = removalsAsked.get(name);
		const replicas = chance.happens(0.3) ? 2 : 1;
		const made = chance.happens(0.3) ? flakySpecOf(name, replicas, chance.pick(RESTARTING)) : specOf(name, replicas);
		const spec = { ...made, policy: isExclusive(name) ? "exclusive" : "available" } as const;
		answer(`deploy ${name} through ${daemon.state.self}`, daemon.core.operations.deploy(spec, patience), () => {
			counts.deployed += 1;
			noteSplit(name);
			if (removalsAsked.get(name) === removals) promised.add(name);
		});
	};

	const remove = (daemon: SimDaemon, name: string) => {
		promised.delete(name);
		removalsAsked.set(name, (removalsAsked.get(name) ?? 0) + 1);
		noteSplit(name);
		answer(`remove ${name} through ${daemon.state.self}`, daemon.core.operations.remove(name, patience), () => {
			counts.removed += 1;
		});
	};

	const pauseOrResume = (daemon: SimDaemon, { name, desired }: SpecRecord) => {
		noteSplit(name);
		const { operations } = daemon.core;
		const call = desired === "paused" ? "resume" : "pause";
		answer(`${call} ${name} through ${daemon.state.self}`, operations[call](name, patience), () => {});
	};

	const update = (daemon: SimDaemon, { name }: SpecRecord) => {
		noteSplit(name);
		const resources = { cpus: chance.pick([0.1, 0.2]), memoryBytes: 16 * 1024 ** 2, pids: chance.pick([null, 50]) };
		const revising = daemon.core.operations.reviseResources(name, resources, patience);
		answer(`update ${name} through ${daemon.state.self}`, revising, () => {});
	};

	/** As the API does: the owner's node is asked to give it away. */
	const move = (container: ContainerId) => {
		const owner = world.nodes.find((one) => one.daemon?.state.view().claims.get(container)?.owner === one.node);
		const target = chance.pick(world.nodes.filter((one) => one !== owner && one.hasJoined));
		if (owner === undefined || owner.daemon === null) return null;
		const { migrations } = owner.daemon.ports;
		const options = { onProgress: () => {}, signal: patience };
		answer(`move ${container} to ${target.node}`, migrations.migrate(container, target.node, options), () => {
			counts.moved += 1;
		});
		return [owner, target] as const;
	};

	/** Deploys until there is something to own, then mostly moves. */
	const ownersDraw = (specCount: number) => (specCount < NAMES.length - 1 ? 0 : chance.between(0.3, 2));

	return {
		counts,
		promised: () => new Set([...promised].filter((name) => !contested.has(name))),
		isDisputed(name) {
			const since = disputedAtMs.get(name) ?? Number.NEGATIVE_INFINITY;
			return world.timeline.nowMs() - since < HEAL_MS_MAX;
		},
		wasRemoved: (name) => removalsAsked.has(name),
		act() {
			const up = world.nodes.filter((one) => one.daemon !== null);
			if (up.length === 0) return null;
			const daemon = chance.pick(up).daemon as SimDaemon;
			const specs = [...daemon.state.view().specs.values()].filter((spec) => !spec.removed);
			const name = chance.pick(NAMES);
			const draw = about === "owner" ? ownersDraw(specs.length) : chance.fraction();
			if (specs.length === 0 || draw < 0.25) deploy(daemon, name);
			else if (draw < 0.35) remove(daemon, chance.pick(specs).name);
			else if (draw < 0.5) pauseOrResume(daemon, chance.pick(specs));
			else if (draw < 0.6) update(daemon, chance.pick(specs));
			else return move(containerIdOf(chance.pick(specs).name, 0));
			return null;
		},
	};
}

const RESTARTING: readonly RestartPolicy[] = [
	{ when: "always", attemptsMax: null },
	{ when: "on-failure", attemptsMax: null },
];

/** Fails a few times before it stays: what runs in the end was started again by its policy. */
function flakySpecOf(name: string, replicas: number, restart: RestartPolicy): Spec {
	return { ...specOf(name, replicas), command: ["flaky", "2"], restart };
}

function specOf(name: string, replicas: number): Spec {
	return wholeSpec({
		name,
		image: "host",
		command: ["count"],
		env: {},
		workdir: null,
		user: null,
		resources: { cpus: 0.1, memoryBytes: 16 * 1024 ** 2, pids: null },
		labels: {},
		constraints: [],
		ports: [],
		replicas,
		network: "none",
		stopGraceMs: 100,
	});
}
