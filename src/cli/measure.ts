// Asks for what containers use twice and gives the rates in between.

import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../node/api/client.js";
import type { StatsAnswer, StatsRow } from "../node/api/contract.js";
import { type UseRow, useRows } from "./stats-rows.js";

export const MEASURED_MS = 1_000;

export interface MeasureOptions {
	/** null: all nodes. */
	readonly node: string | null;
	/** A container or a workload; null: all. */
	readonly name: string | null;
	readonly signal: AbortSignal;
}

export interface Measured {
	readonly rows: readonly UseRow[];
	readonly missing: StatsAnswer["missing"];
	/** For the next rates. */
	readonly reading: readonly StatsRow[];
}

export async function measure(
	client: Client,
	options: MeasureOptions,
	before: readonly StatsRow[] | null = null,
): Promise<Measured> {
	const { node, name, signal } = options;
	const wanted = (row: UseRow) => name === null || row.container === name || row.workload === name;
	const first = before ?? (await client.stats(node)).rows;
	await sleep(MEASURED_MS, undefined, { signal });
	const { rows: reading, missing } = await client.stats(node);
	return { rows: useRows(first, reading).filter(wanted), missing, reading };
}
