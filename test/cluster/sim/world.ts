// A cluster in virtual time: machines, daemons and network, and what is known about them from outside. Read this, then faults.ts
// (what can happen), user.ts (what is asked of the cluster) and checkers/ (what must hold then).

import type { ContainerId, NodeId } from "../../../src/model.js";
import type { Break } from "./breaks.js";
import type { Checker } from "./checkers/checker.js";
import { createSimChance, type SimChance } from "./sim-chance.js";
import { createSimMachine, type SimMachine } from "./sim-machine.js";
import { createSimNetwork, type SimNetwork } from "./sim-mesh.js";
import { nodeIdOf, withNames } from "./sim-names.js";
import { type SimDaemon, startSimDaemon } from "./sim-node.js";
import type { SimProcess } from "./sim-process.js";
import { createTimeline, START_MS, type Timeline } from "./timeline.js";

export interface WorldNode {
	readonly node: NodeId;
	readonly machine: SimMachine;
	/** The daemon's process, also while it starts; null while none runs. */
	process: SimProcess | null;
	/** null until it acts on the view. */
	daemon: SimDaemon | null;
	clockOffsetMs: number;
	clockRate: number;
	/** A founder has from the beginning; another one joins when it is started first. */
	hasJoined: boolean;
	/** Since when some other node cannot talk to it; null while all can. */
	isolatedSinceMs: number | null;
}

export interface World {
	readonly seed: string;
	readonly timeline: Timeline;
	readonly chance: SimChance;
	readonly network: SimNetwork;
	readonly nodes: readonly WorldNode[];
	/** When a node was last cut off for so long that others may have taken its containers over; -Infinity: never. */
	readonly lastSplitMs: number;
	/** When a machine last lost power. */
	readonly lastPowerCutMs: number;
	start(node: WorldNode): void;
	kill(node: WorldNode): void;
	cutPower(node: WorldNode): void;
	/** Moves time on in small steps and lets every checker look after each. */
	run(durationMs: number): Promise<void>;
	/** Lets every checker conclude. */
	conclude(): void;
	/** A line of the trace. */
	note(line: string): void;
}

export interface WorldOptions {
	readonly seed: string;
	readonly nodeCount: number;
	/** Nodes that are not there from the beginning, behind the others. */
	readonly lateCount?: number;
	readonly checkers: readonly ((world: World) => Checker)[];
	/** A rule that is broken on purpose; null: none. */
	readonly broken: Break | null;
	/** Takes the lines of a trace; null: none is made. */
	readonly trace: ((line: string) => void) | null;
}

/** A monitor that waits for a CPU. */
const GUARD_LATE_MS_MAX = 300;
/** How often checkers look. */
const LOOK_MS = 20;
/** A node that is cut off for less than this is not taken for dead (plan.ts, ADOPT_AFTER_MS). */
const SPLIT_MS_MIN = 6_000;
const RESTART_MS = 1_000;

export function createWorld(options: WorldOptions): World {
	const { seed, trace } = options;
	const timeline = createTimeline();
	const chance = createSimChance(seed);
	const network = createSimNetwork(timeline, chance.split("network"));
	let [lives, daemons] = [0, 0];
	let [lastSplitMs, lastPowerCutMs] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
	const nodes = Array.from({ length: options.nodeCount + (options.lateCount ?? 0) }, (_, index): WorldNode => {
		const node = nodeIdOf(index);
		const own = chance.split(`machine ${node}`);
		const lateMs = options.broken === "no-guard" ? 1e12 : own.between(0, GUARD_LATE_MS_MAX);
		const guard = { rate: own.between(0.99, 1.01), lateMs };
		const machine = createSimMachine(node, timeline, own, () => ++lives, guard);
		const clock = { clockOffsetMs: 0, clockRate: 1 };
		return { node, machine, process: null, daemon: null, ...clock, hasJoined: false, isolatedSinceMs: null };
	});
	const founders = nodes
		.slice(0, options.nodeCount)
		.map(({ node }) => node)
		.sort();

	const note = (line: string) => {
		trace?.(`${((timeline.nowMs() - START_MS) / 1000).toFixed(3).padStart(9)} ${withNames(line)}`);
	};

	const kill = (one: WorldNode) => {
		one.process?.kill();
		one.process = null;
		one.daemon = null;
	};

	const start = (one: WorldNode) => {
		if (one.process !== null) return;
		daemons += 1;
		one.hasJoined = true;
		one.machine.restorePower();
		note(`${one.node} daemon starts`);
		const around = {
			machine: one.machine,
			network,
			timeline,
			founders,
			chance: chance.split(`daemon ${daemons} of ${one.node}`),
		};
		const { clockOffsetMs, clockRate } = one;
		const onUp = (daemon: SimDaemon) => {
			one.daemon = daemon;
			note(`${one.node} daemon is up`);
		};
		// As a supervisor would.
		const onExit = (reason: Error) => {
			note(`${one.node} daemon cannot start: ${reason.message}`);
			if (!mayRefuseToStart(reason))
				timeline.fail(new Error(`the daemon of ${one.node} did not start`, { cause: reason }));
			kill(one);
			timeline.after(RESTART_MS, () => start(one));
		};
		one.process = startSimDaemon(
			{ ...around, clockOffsetMs, clockRate, broken: options.broken, trace: trace && note },
			onUp,
			onExit,
		);
	};

	const reached = new Set<WorldNode>();
	let [changesSeen, joinedSeen] = [-1, 0];
	const watchIsolation = () => {
		const now = timeline.nowMs();
		const joined = nodes.filter((one) => one.hasJoined);
		if (network.changes() !== changesSeen || joined.length !== joinedSeen) {
			[changesSeen, joinedSeen] = [network.changes(), joined.length];
			reached.clear();
			for (const one of joined) {
				if (joined.every((other) => other === one || network.isConnected(one.node, other.node))) reached.add(one);
			}
		}
		for (const one of joined) {
			if (one.daemon !== null && !one.daemon.process.isPaused() && reached.has(one)) one.isolatedSinceMs = null;
			else one.isolatedSinceMs ??= now;
			if (one.isolatedSinceMs !== null && now - one.isolatedSinceMs > SPLIT_MS_MIN) lastSplitMs = now;
		}
	};

	const world: World = {
		seed,
		timeline,
		chance,
		network,
		nodes,
		note,
		get lastSplitMs() {
			return lastSplitMs;
		},
		get lastPowerCutMs() {
			return lastPowerCutMs;
		},
		start,
		kill(one) {
			note(`${one.node} daemon is killed`);
			kill(one);
		},
		cutPower(one) {
			note(`${one.node} loses power`);
			kill(one);
			one.machine.cutPower();
			lastPowerCutMs = timeline.nowMs();
		},
		async run(durationMs) {
			const endMs = timeline.nowMs() + durationMs;
			while (timeline.nowMs() < endMs) {
				await timeline.run(Math.min(LOOK_MS, endMs - timeline.nowMs()));
				watchIsolation();
				for (const checker of checkers) checker.look();
			}
		},
		conclude() {
			for (const checker of checkers) checker.conclude();
		},
	};
	const checkers = options.checkers.map((make) => make(world));
	network.connectEverybody();
	return world;
}

/** A full disk is a good reason. */
function mayRefuseToStart(reason: Error): boolean {
	return reason.message.includes("ENOSPC");
}

/** Nodes on which a container executes at this moment. */
export function runningOn(world: World, container: ContainerId): readonly NodeId[] {
	return world.nodes
		.filter(({ machine }) => machine.running().some((one) => one.state.container === container))
		.map(({ node }) => node);
}
