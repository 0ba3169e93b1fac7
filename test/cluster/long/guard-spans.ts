// When the copies of an exclusive container ran, by what their monitors wrote down themselves (native/monitor/guard.h). The files go
// with their containers, so whoever wants the whole story looks often. A move freezes its source without the guard: that is seen by
// the freezer itself. Reads only.

import { globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { cgroupNameOf, type TracedNode } from "../traces.js";

export interface Span {
	readonly node: string;
	readonly container: string;
	readonly fromMs: number;
	readonly toMs: number;
}

export interface GuardRecords {
	/** Takes in what stands there now. */
	look(): void;
	/** From elsewhere, on the clock of this machine: a line of a monitor, or that the container is gone (null). */
	note(node: string, container: string, line: string | null, atMs: number): void;
	/** Everything of the node's was killed at once: nobody wrote an end. */
	killed(node: string): void;
	/** Of one container, in the order in which they began. */
	spansOf(container: string): readonly Span[];
}

/** CLOCK_BOOTTIME as long as the machine does not sleep. */
export function bootMs(): number {
	return Number(process.hrtime.bigint() / 1_000_000n);
}

export function recordGuards(nodes: readonly TracedNode[]): GuardRecords {
	/** Lines by node and container; what was seen to be gone ends there at the latest. */
	const lines = new Map<string, Set<string>>();
	const seenAtMs = new Map<string, number>();
	const linesOf = (name: string) => {
		const known = lines.get(name) ?? new Set<string>();
		lines.set(name, known);
		return known;
	};
	const frozen = new Set<string>();
	const lookAtFreezer = (node: TracedNode, container: string, name: string) => {
		const [path] = globSync(
			`/sys/fs/cgroup/{,unified/}swarm/${node.scope}/${cgroupNameOf(node, container)}/cgroup.events`,
		);
		const events = path === undefined ? "" : readOrEmpty(path);
		// A frozen one that is killed is not frozen any more while it dies, though nobody thawed it.
		const isDying =
			frozen.has(name) && path !== undefined && readOrEmpty(join(dirname(path), "cgroup.freeze")) === "1\n";
		const isFrozen = events.includes("frozen 1") || isDying;
		// Nothing runs in an empty one.
		if (isFrozen === frozen.has(name) || !events.includes("populated 1")) return;
		if (isFrozen) frozen.add(name);
		else frozen.delete(name);
		linesOf(name).add(`${bootMs()} 0 ${isFrozen ? "freeze" : "thaw"} 0`);
	};
	const endAt = (name: string, atMs: number) => void linesOf(name).add(`${atMs} 0 gone 0`);

	const look = () => {
		const now = bootMs();
		const there = new Set<string>();
		for (const node of nodes)
			for (const path of globSync(`${node.stateDirectory}/containers/*/guard`)) {
				const container = basename(dirname(path));
				const name = `${node.name} ${container}`;
				there.add(name);
				for (const line of readOrEmpty(path).split("\n"))
					if (line.endsWith(" ") === false && line !== "") linesOf(name).add(line);
				lookAtFreezer(node, container, name);
				seenAtMs.set(name, now);
			}
		for (const [name, atMs] of seenAtMs)
			if (!there.has(name)) {
				endAt(name, atMs);
				seenAtMs.delete(name);
			}
	};

	return {
		look,
		note(node, container, line, atMs) {
			const name = `${node} ${container}`;
			if (line === null) endAt(name, atMs);
			else linesOf(name).add(line);
		},
		killed(node) {
			look();
			for (const name of lines.keys()) if (name.startsWith(`${node} `)) endAt(name, bootMs());
		},
		spansOf: (container) =>
			[...lines]
				.filter(([name]) => name.endsWith(` ${container}`))
				.flatMap(([name, each]) =>
					spansIn(each).map((span) => ({ ...span, node: name.split(" ")[0] ?? "", container })),
				)
				.sort((a, b) => a.fromMs - b.fromMs),
	};
}

/** The first pair that ran at the same time on different nodes; null: none. */
export function overlapIn(spans: readonly Span[]): readonly [Span, Span] | null {
	for (const [index, one] of spans.entries())
		for (const other of spans.slice(index + 1))
			if (one.node !== other.node && one.fromMs < other.toMs && other.fromMs < one.toMs) return [one, other];
	return null;
}

function spansIn(lines: ReadonlySet<string>): readonly { readonly fromMs: number; readonly toMs: number }[] {
	const notes = [...lines]
		.map((line) => line.split(" "))
		.map(([at, , what]) => ({ atMs: Number(at), begins: what === "run" || what === "thaw" }))
		.sort((a, b) => a.atMs - b.atMs || Number(a.begins) - Number(b.begins));
	const spans: { readonly fromMs: number; readonly toMs: number }[] = [];
	let fromMs: number | null = null;
	for (const { atMs, begins } of notes) {
		if (fromMs !== null && !begins) spans.push({ fromMs, toMs: atMs });
		fromMs = begins ? (fromMs ?? atMs) : null;
	}
	return fromMs === null ? spans : [...spans, { fromMs, toMs: Number.POSITIVE_INFINITY }];
}

function readOrEmpty(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return "";
	}
}
