// How long a node takes to know everything when it joins a cluster of 10,000 containers: from its first look for the others to the whole
// view, over real connections on this machine, the ten members that hold them in
// one process, the newcomer in another.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { systemClock } from "../src/clock.js";
import { containerIdOf, type NodeId, type StateRecord } from "../src/model.js";
import { changeOf } from "./gossip-change.js";
import { type BenchReport, boundedRow } from "./report.js";
import { openStateNode } from "./state-node.js";
import { claimOf } from "./state-records.js";

const CONTAINERS = 10_000;
const RUNS = 5;
const JOIN_MS_MAX = 1_000;
const MEMBERS = 10;
const LOOK_MS = 50;
const END_MS_MAX = 10_000;
const WAIT_MS_MAX = 120_000;

export async function join(): Promise<BenchReport> {
	const member: ChildProcess = fork(process.argv[1] ?? "", ["join-member"], {
		stdio: ["ignore", "inherit", "inherit", "ipc"],
	});
	try {
		const [token] = (await once(member, "message", { signal: AbortSignal.timeout(WAIT_MS_MAX) })) as [string];
		const times: number[] = [];
		for (let run = 0; run < RUNS; run++) times.push(await joined(`j${run}`, token));
		const what = `join to the whole view of ${CONTAINERS} containers`;
		return { bench: "join", rows: [boundedRow(what, "ms", times, JOIN_MS_MAX)] };
	} finally {
		const ended = once(member, "exit");
		const late = systemClock.after(END_MS_MAX, () => member.kill("SIGKILL"));
		// It takes its files away.
		member.disconnect();
		await ended;
		late();
	}
}

async function joined(name: string, token: string): Promise<number> {
	const beganMs = systemClock.monotonicMs();
	const { state, close } = await openStateNode(name, token);
	try {
		await new Promise<void>((resolve, reject) => {
			const late = systemClock.after(WAIT_MS_MAX, () => reject(new Error("the newcomer does not get to know all")));
			const look = () => {
				const { claims, containers } = state.view();
				if (claims.size < CONTAINERS || containers.size < CONTAINERS) return;
				late();
				resolve();
			};
			state.subscribe(look);
			look();
		});
		return systemClock.monotonicMs() - beganMs;
	} finally {
		await close();
	}
}

/** The cluster to join. Ends with its parent. */
export async function runJoinMember(): Promise<number> {
	const first = await openStateNode("n0", null);
	const token = await first.token(MEMBERS + RUNS);
	const nodes = [first];
	for (let at = 1; at < MEMBERS; at++) nodes.push(await openStateNode(`n${at}`, token));
	const members = nodes.map(({ mesh }) => ({ node: mesh.self, addresses: mesh.addresses() }));
	for (const [at, { mesh, state }] of nodes.entries()) {
		mesh.keepConnected(members);
		const each = Array.from({ length: CONTAINERS / MEMBERS }, (_, index) => recordsOf(mesh.self, `bench${at}`, index));
		await state.commit(each.flat());
	}
	while (nodes.some(({ state }) => state.view().claims.size < CONTAINERS))
		await systemClock.sleep(LOOK_MS, new AbortController().signal);
	process.send?.(token);
	await once(process, "disconnect");
	for (const { close } of nodes) await close();
	return 0;
}

function recordsOf(self: NodeId, workload: string, replica: number): readonly StateRecord[] {
	const container = containerIdOf(workload, replica);
	return [claimOf(self, container), { ...changeOf(self, replica), container }];
}
