// What holds whatever happened to a move: the nodes agree on who has the container, it runs there, and nowhere else.

import { expect } from "vitest";
import { until } from "../support/until.js";
import type { Cluster } from "./cluster.js";
import type { Counter } from "./counter.js";
import { liveCopies } from "./traces.js";

/** A daemon that died is noticed after seconds, and one that comes back hears the others out first. */
const AGREED_MS_MAX = 90_000;

/** Gives the node that has it. */
export async function expectOneCopy(cluster: Cluster, counter: Counter): Promise<string> {
	const holder = await expectOneRuns(cluster, counter);
	await until("the other copy to be gone", () => liveCopies(cluster.nodes, "counter.0").length === 1, AGREED_MS_MAX);
	expect(liveCopies(cluster.nodes, "counter.0")).toEqual([holder]);
	return holder;
}

/** As expectOneCopy, but the other end of a move may still hold a copy that waits for a word, stopped. */
export async function expectOneRuns(cluster: Cluster, counter: Counter): Promise<string> {
	let seen: readonly unknown[] = [];
	const holder = await until(
		"the nodes to agree on who runs it",
		async () => {
			const rows = await Promise.all(cluster.nodes.map((node) => cluster.row(node.name, "counter.0")));
			seen = rows;
			const [first] = rows;
			if (first === null || first?.phase !== "running") return null;
			return rows.every((row) => JSON.stringify(row) === JSON.stringify(first)) ? first.node : null;
		},
		AGREED_MS_MAX,
	).catch((thrown: Error) => {
		throw new Error(`${thrown.message}; rows: ${JSON.stringify(seen)}`);
	});
	expect(await counter.counts()).toBe(holder);
	return holder;
}
