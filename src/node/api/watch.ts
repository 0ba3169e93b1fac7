// The live view: rows of nodes and containers as they change, and the signed documents behind them. Both go at the caller's pace: what
// changed since its last line is worked out when it takes the next one, so that a slow caller costs no memory.

import type { HeldPosition } from "../../crdt/state.js";
import { chainFrame, positionAfter } from "../../crdt/sync-codec.js";
import type { Operations } from "../operations.js";
import type { NodePorts } from "../ports.js";
import { nodeRows } from "../rows.js";
import type { ContainerRow, NodeRow, WatchLine } from "./contract.js";
import { type ApiAnswer, type ApiCall, sees } from "./message.js";

interface Match {
	readonly ports: NodePorts;
	readonly operations: Operations;
	readonly call: ApiCall;
}

/** Between two lines at least, and so many times what the last one took to work out: at most a fifth of a core. */
const WATCH_MS_MIN = 20;
const REST_SHARE = 4;

/** The first line has everything. */
export async function* watchRows(match: Match): AsyncIterable<WatchLine> {
	const { ports, operations, call } = match;
	let nodes = new Map<string, NodeRow>();
	let containers = new Map<string, ContainerRow>();
	let first = true;
	for await (const _ of changesOf(match)) {
		const nodesNow = new Map(
			nodeRows(operations.view(), ports.membership, ports.state.self).map((row) => [row.node, row] as const),
		);
		const seen = operations.rows().filter(({ workload }) => sees(call, workload));
		const containersNow = new Map(seen.map((row) => [row.container, row] as const));
		const line: WatchLine = {
			nodes: changed(nodes, nodesNow, lastingOf),
			nodesGone: gone(nodes, nodesNow),
			containers: changed(containers, containersNow, (row) => row),
			containersGone: gone(containers, containersNow),
		};
		[nodes, containers] = [nodesNow, containersNow];
		if (first || Object.values(line).some((list) => list.length > 0)) yield line;
		first = false;
	}
}

/** What peers relay to each other, as messages of `/swarm/sync/1` with the length before each. */
export function watchDocuments(match: Match): ApiAnswer {
	return { status: 200, contentType: "application/octet-stream", body: documentFrames(match) };
}

async function* documentFrames(match: Match): AsyncIterable<Uint8Array> {
	let held: readonly HeldPosition[] = [];
	for await (const _ of changesOf(match)) {
		for (;;) {
			const chains = match.ports.state.missingFor(held);
			if (chains.length === 0) break;
			for (const chain of chains) {
				held = positionAfter(held, chain);
				yield chainFrame(chain);
			}
		}
	}
}

/** Once at once, then after every change of the view or of who is alive, not too often; ends when the caller is gone. */
async function* changesOf({ ports, call }: Match): AsyncIterable<void> {
	const { clock, state, membership } = ports;
	let isChanged = true;
	let wake = () => {};
	const note = () => {
		isChanged = true;
		wake();
	};
	const undo = [state.subscribe(note), membership.subscribe(note)];
	const onAbort = () => wake();
	call.signal.addEventListener("abort", onAbort);
	try {
		while (!call.signal.aborted) {
			if (isChanged) {
				isChanged = false;
				const begunMs = clock.monotonicMs();
				yield;
				const restMs = Math.max(WATCH_MS_MIN, REST_SHARE * (clock.monotonicMs() - begunMs));
				await clock.sleep(Math.min(restMs, REST_MS_MAX), call.signal).catch(() => {});
			} else
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
		}
	} finally {
		for (const step of undo) step();
		call.signal.removeEventListener("abort", onAbort);
	}
}

/** A slow caller's own time is not ours. */
const REST_MS_MAX = 1_000;

function changed<Row>(before: ReadonlyMap<string, Row>, now: ReadonlyMap<string, Row>, lasting: (row: Row) => unknown) {
	return [...now].flatMap(([key, row]) => {
		const known = before.get(key);
		return known !== undefined && JSON.stringify(lasting(known)) === JSON.stringify(lasting(row)) ? [] : [row];
	});
}

function gone(before: ReadonlyMap<string, unknown>, now: ReadonlyMap<string, unknown>): readonly string[] {
	return [...before.keys()].filter((key) => !now.has(key));
}

/** The round trip is another one at every heartbeat: no news. */
function lastingOf(row: NodeRow): unknown {
	return { ...row, rttMs: null };
}
