// How long a change takes until all nodes see it, and what it costs: ours against plain gossipsub, in turn in the same run, each node in a
// process of its own on this machine, every node connected with every other. `--count 3,8` takes other numbers of nodes.
//
// Nodes have machines of their own elsewhere: a peer that wakes up there does not push the sender from its CPU in the middle of its sends. Here all
// share the CPUs of one, so those of either side run under SCHED_BATCH, where waking up interrupts nobody (sched(7)).

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { systemClock } from "../src/clock.js";
import type { GossipChange, GossipKind, GossipOrder, GossipReport } from "./gossip-node.js";
import { type BenchReport, type BenchRow, comparedRow, informingRow } from "./report.js";

const CLUSTER_SIZES = [3, 8, 16, 32];
const NODES_MAX = 64;
/** Of either, in turn, each in new processes: a shared machine is quicker at some times than at others. */
const ROUNDS = 3;
/** In a round. */
const CHANGES = 50;
/** Every node works for every change, and all share the CPUs of one machine: the more nodes, the longer until the next change. */
const BETWEEN_MS_PER_NODE = 15;
/** After the last change. */
const STRAGGLERS_MS_MAX = 30_000;
const LOOK_MS = 1_000;
/** At the size that the goals are for. */
const GOAL_SIZE = 16;
const P50_RATIO_MAX = 0.4;
const BYTES_RATIO_MAX = 0.3;

const never = new AbortController().signal;

/** Of a round. */
interface Figures {
	readonly p50Ms: number;
	readonly p99Ms: number;
	/** Received by one node for one change. */
	readonly bytes: number;
	/** Of all nodes together for one change. */
	readonly cpuMs: number;
	/** Of all changes at all nodes. */
	readonly missing: number;
}

export async function gossip(): Promise<BenchReport> {
	const rows: BenchRow[] = [];
	for (const size of sizesAsked()) {
		const [ours, theirs]: [Figures[], Figures[]] = [[], []];
		for (let round = 0; round < ROUNDS; round++) {
			ours.push(await measured("ours", size));
			theirs.push(await measured("gossipsub", size));
		}
		rows.push(...rowsOf(size, ours, theirs));
	}
	return { bench: "gossip", rows };
}

function sizesAsked(): readonly number[] {
	const { values } = parseArgs({ options: { count: { type: "string" } }, strict: false });
	const asked = typeof values.count === "string" ? values.count.split(",").map(Number) : CLUSTER_SIZES;
	const isFine = asked.every((size) => Number.isInteger(size) && size >= 2 && size <= NODES_MAX);
	if (isFine) return asked;
	throw new Error(`Cannot measure: --count is ${String(values.count)}, wanted numbers of nodes from 2 to ${NODES_MAX}`);
}

function rowsOf(size: number, ours: readonly Figures[], theirs: readonly Figures[]): readonly BenchRow[] {
	const isGoal = size === GOAL_SIZE;
	const row = (what: string, unit: string, of: (one: Figures) => number, ratioMax: number | null) =>
		comparedRow(`${size} nodes: ${what}`, unit, ours.map(of), { name: "gossipsub", values: theirs.map(of) }, ratioMax);
	const missing = (rounds: readonly Figures[]) => rounds.reduce((sum, one) => sum + one.missing, 0);
	const unseen = informingRow(`${size} nodes: changes that a node did not see`, "", [missing(ours)]);
	const rows = [
		row("seen by all, p50", "ms", ({ p50Ms }) => p50Ms, isGoal ? P50_RATIO_MAX : null),
		row("seen by all, p99", "ms", ({ p99Ms }) => p99Ms, null),
		row("received by a node for a change", "B", ({ bytes }) => bytes, isGoal ? BYTES_RATIO_MAX : null),
		row("CPU of all nodes for a change", "ms", ({ cpuMs }) => cpuMs, null),
		{ ...unseen, peer: "gossipsub", theirs: missing(theirs), goal: "0", holds: missing(ours) === 0 },
	];
	return rows.map((one) => ({ ...one, runs: ROUNDS * CHANGES }));
}

async function measured(kind: GossipKind, size: number): Promise<Figures> {
	const nodes = Array.from({ length: size }, () => new Node());
	const each = <T>(order: (at: number) => GossipOrder) => Promise.all(nodes.map((node, at) => node.tell<T>(order(at))));
	try {
		const [first, ...others] = nodes as [Node, ...Node[]];
		const addresses = [await first.tell<string>({ order: "open", kind, index: 0, token: null })];
		const token = await first.tell<string>({ order: "token", uses: size });
		for (const [at, node] of others.entries())
			addresses.push(await node.tell<string>({ order: "open", kind, index: at + 1, token }));
		await each(() => ({ order: "connect", addresses }));
		await each(() => ({ order: "begin" }));
		for (let number = 0; number < CHANGES; number++) {
			nodes[number % size]?.change(number);
			await systemClock.sleep(BETWEEN_MS_PER_NODE * size, never);
		}
		for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
			const figures = figuresOf(await each<GossipReport>(() => ({ order: "report" })));
			if (figures.missing === 0 || waitedMs >= STRAGGLERS_MS_MAX) return figures;
			await systemClock.sleep(LOOK_MS, never);
		}
	} finally {
		await Promise.all(nodes.map((node) => node.end()));
	}
}

function figuresOf(reports: readonly GossipReport[]): Figures {
	const writtenMs = new Map(reports.flatMap(({ written }) => written));
	const seen = reports.map((report) => new Map(report.seen));
	const delays: number[] = [];
	let missing = 0;
	for (const [number, atMs] of writtenMs) {
		const moments = seen.map((one) => one.get(number)).filter((moment) => moment !== undefined);
		missing += seen.length - moments.length;
		if (moments.length === seen.length) delays.push(Math.max(...moments) - atMs);
	}
	delays.sort((a, b) => a - b);
	const at = (share: number) => delays[Math.min(delays.length - 1, Math.floor(share * delays.length))] ?? Number.NaN;
	const sum = (of: (report: GossipReport) => number) => reports.reduce((total, report) => total + of(report), 0);
	const bytes = sum(({ bytesReceived }) => bytesReceived) / reports.length / CHANGES;
	return { p50Ms: at(0.5), p99Ms: at(0.99), bytes, cpuMs: sum(({ cpuMs }) => cpuMs) / CHANGES, missing };
}

/** A child of this program; orders are answered in turn. */
class Node {
	readonly #child: ChildProcess = fork(process.argv[1] ?? "", ["gossip-node"], {
		execPath: "chrt",
		execArgv: ["--batch", "0", process.execPath],
		stdio: ["ignore", "inherit", "inherit", "ipc"],
	});
	#last: Promise<unknown> = Promise.resolve();

	tell<T>(order: GossipOrder): Promise<T> {
		const next = this.#last
			.catch(() => {})
			.then(async () => {
				const answered = once(this.#child, "message");
				this.#child.send(order);
				const [{ answer, failure }] = (await answered) as [{ answer: T; failure?: string }];
				if (failure !== undefined) throw new Error(`a node of the bench failed at ${order.order}: ${failure}`);
				return answer;
			});
		this.#last = next;
		return next;
	}

	change(number: number): void {
		this.#child.send({ order: "change", number } satisfies GossipChange);
	}

	async end(): Promise<void> {
		const ended = once(this.#child, "exit");
		const late = systemClock.after(10_000, () => this.#child.kill("SIGKILL"));
		await Promise.race([this.tell({ order: "close" }).catch(() => {}), ended]);
		this.#child.disconnect();
		await ended;
		late();
	}
}
