// Five nodes on which one thing after the other goes wrong, for minutes: links cut both ways and one way, packets lost and late, daemons
// stopped for ten seconds and killed, whole nodes without power, and moves in between; a sixth node in a machine of its own, where
// user-mode Linux can be had, loses its power with all that it did not sync (virtual-node.ts). What the monitors wrote down shows never two runners of an
// exclusive container, and when all is well again everything runs. `npm run test:chaos -- --minutes 20 --seed 1`.

import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { namespacePath } from "../../../src/node/lab/plan.js";
import { until } from "../../support/until.js";
import { Cluster, type ClusterNode, missingForMoves } from "../cluster.js";
import { createSimChance } from "../sim/sim-chance.js";
import { isProcessOf, processTable } from "../traces.js";
import { overlapIn, recordGuards } from "./guard-spans.js";
import { VirtualNode } from "./virtual-node.js";

const minutes = Number(process.env.SWARM_MINUTES ?? "3");
const seed = process.env.SWARM_SEED ?? "1";
const MINUTE_MS = 60_000;
const LOOK_MS = 50;
/** Of a node of a lab, in its own namespace (node/lab/wires.ts). */
const NODE_LINK = "eth0";
/** Longer than a lease. */
const HANG_MS_MIN = 10_000;
const exclusive = ["ex-a", "ex-b", "ex-c"];
const available = ["av-a", "av-b"];
/** In a machine of its own. */
const VIRTUAL = "n6";
/** One for each of six nodes, also for the one whose containers have no network. */
const spread = "ex-v";
const spreadContainers = Array.from({ length: 6 }, (_, index) => `${spread}.${index}`);
const exclusiveContainers = [...exclusive.map((name) => `${name}.0`), ...spreadContainers];
/** Longer than a lease and the patience with a node that is down. */
const WELL_MS_MAX = 3 * MINUTE_MS;

describe.skipIf(missingForMoves !== null)(`chaos (needs ${missingForMoves ?? "what is here"})`, () => {
	const chance = createSimChance(`chaos ${seed}`);
	let cluster: Cluster;
	/** The five. */
	let lab: readonly ClusterNode[];
	let records: ReturnType<typeof recordGuards>;
	/** Why there is none, in words. */
	let machine: VirtualNode | string = "not made";
	/** Undoes a fault that lasts. */
	const undo = new Map<string, () => Promise<unknown>>();
	const told = new Map<string, number>();

	beforeAll(async () => {
		cluster = await Cluster.up("ct-chaos", 5);
		lab = cluster.nodes;
		records = recordGuards(lab);
		machine = await VirtualNode.provide({
			...{ cluster, name: VIRTUAL },
			onGuard: ({ container, line, atMs }) => records.note(VIRTUAL, container, line, atMs),
		});
		if (typeof machine === "string") console.log(`  without ${VIRTUAL}: ${machine}`);
		else {
			const { token, address } = await cluster
				.node("n1")
				.client.createToken({ ttlMs: 10 * MINUTE_MS, uses: 1, role: "member" });
			const { report } = await machine.boot({ addresses: [address], token });
			cluster = cluster.with(machine.asClusterNode(report));
			await cluster.untilAlive();
		}
	}, 15 * MINUTE_MS);

	afterAll(async () => {
		for (const repair of undo.values()) await repair().catch(() => {});
		if (machine instanceof VirtualNode) await machine.remove();
		await cluster?.down();
	}, 2 * MINUTE_MS);

	const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
	const inside = (node: ClusterNode, ...command: readonly string[]) =>
		execFileSync("nsenter", [`--net=${namespacePath(node.namespace)}`, "--", ...command], { stdio: "pipe" });

	async function cut(): Promise<void> {
		const [one, ...others] = [...lab].sort(() => chance.fraction() - 0.5).map(({ name }) => name);
		const alone = [one ?? "", ...(chance.happens(0.4) ? others.splice(0, 1) : [])];
		await cluster.partition(alone, others, { oneWay: chance.happens(0.3) });
		undo.set("cut", () => cluster.heal());
	}

	/** A share of what arrives is thrown away. */
	async function lose(node: ClusterNode): Promise<void> {
		const rule = `table inet chaos { chain input { type filter hook input priority 0; numgen random mod 100 < ${10 + chance.below(30)} drop; }; }`;
		inside(node, "nft", rule.replace("table", "add table").split("{")[0]?.trim() ?? "");
		inside(node, "nft", rule);
		undo.set(`loss on ${node.name}`, async () => inside(node, "nft", "delete", "table", "inet", "chaos"));
	}

	/** What it sends is late: by netem where the kernel has it, else because it waits on a link of few bytes a second. */
	async function delay(node: ClusterNode): Promise<void> {
		const link = (command: string) => ["tc", "qdisc", command, "dev", NODE_LINK, "root"] as const;
		const ms = 20 + chance.below(200);
		try {
			inside(node, ...link("add"), "netem", "delay", `${ms}ms`, `${Math.floor(ms / 2)}ms`);
		} catch {
			inside(node, ...link("add"), "tbf", "rate", "256kbit", "burst", "3kb", "latency", `${2 * ms}ms`);
		}
		undo.set(`delay on ${node.name}`, async () => inside(node, ...link("del")));
	}

	async function hang(node: ClusterNode): Promise<void> {
		const pid = await cluster.daemonPid(node.name);
		if (pid === null) return;
		process.kill(pid, "SIGSTOP");
		const untilMs = performance.now() + HANG_MS_MIN;
		undo.set(`hang of ${node.name}`, async () => {
			await pause(Math.max(0, untilMs - performance.now()));
			process.kill(pid, "SIGCONT");
		});
	}

	async function kill(node: ClusterNode): Promise<void> {
		await cluster.killDaemon(node.name);
		undo.set(`end of ${node.name}`, () => cluster.startDaemon(node.name));
	}

	async function switchOff(virtual: VirtualNode): Promise<void> {
		await virtual.cutPower();
		records.killed(VIRTUAL);
		undo.set(`end of ${VIRTUAL}`, () => virtual.boot(null));
	}

	async function cutPower(node: ClusterNode): Promise<void> {
		const relay = machine instanceof VirtualNode ? machine.relayPid : null;
		const ours = processTable().filter((each) => isProcessOf(each, node) && each.pid !== relay);
		// The daemon first: it would write down the ends of the others.
		const pid = await cluster.daemonPid(node.name);
		for (const each of [...(pid === null ? [] : [pid]), ...ours.map((one) => one.pid)]) {
			try {
				process.kill(each, "SIGKILL");
			} catch {
				// Ended with its monitor.
			}
		}
		records.killed(node.name);
		await cluster.killDaemon(node.name);
		undo.set(`end of ${node.name}`, () => cluster.startDaemon(node.name));
	}

	async function move(): Promise<void> {
		const name = chance.pick([...exclusive, ...available]);
		// A daemon that stands still answers nobody, and nobody would wake it meanwhile.
		const awake = lab.filter((node) => !undo.has(`hang of ${node.name}`));
		const [by, to] = [chance.pick(awake).name, chance.pick(lab).name];
		await cluster.swarm(by, "migrate", name, "--to", to);
	}

	it(`of ${minutes} min, seed ${seed}`, { timeout: (minutes + 10) * MINUTE_MS }, async () => {
		const rest = ["--memory", "32M", "--restart", "always", "--", "sh", "-c", "while :; do sleep 0.1; done"];
		for (const name of [...exclusive, ...available]) {
			const policy = exclusive.includes(name) ? "exclusive" : "available";
			await cluster.deploy("n1", name, "--policy", policy, "--constraint", `node!=${VIRTUAL}`, ...rest);
		}
		await cluster.deploy("n1", spread, "--replicas", "6", "--policy", "exclusive", "--network", "none", ...rest);
		const looking = setInterval(records.look, LOOK_MS);
		const endMs = performance.now() + minutes * MINUTE_MS;
		try {
			while (performance.now() < endMs) {
				const repairable = [...undo];
				const [what, repair] = repairable.length > 2 || chance.happens(0.5) ? (repairable[0] ?? []) : [];
				if (what !== undefined && repair !== undefined) {
					undo.delete(what);
					await repair();
				} else await goWrong();
				await pause(chance.between(500, 8_000));
				expectOneRunner();
			}
			for (const repair of undo.values()) await repair();
			undo.clear();
			await expectAllWell();
			records.look();
			expectOneRunner();
		} finally {
			clearInterval(looking);
		}
		const spans = exclusiveContainers.map((container) => records.spansOf(container).length);
		console.log(`  ${[...told].map(([kind, count]) => `${count} × ${kind}`).join(", ")}`);
		console.log(`  runs of exclusive containers by their monitors' records: ${spans.join(", ")}; two at once: 0`);
	});

	async function goWrong(): Promise<void> {
		const node = chance.pick(cluster.nodes);
		const isWell = ![...undo.keys()].some((what) => what.endsWith(` ${node.name}`));
		const kinds = ["cut", "loss", "delay", "hang", "kill", "power cut", "move"] as const;
		const kind = !isWell ? "move" : node.name === VIRTUAL ? "machine off" : chance.pick(kinds);
		told.set(kind, (told.get(kind) ?? 0) + 1);
		if (kind === "cut") await cut();
		else if (kind === "loss") await lose(node);
		else if (kind === "delay") await delay(node);
		else if (kind === "hang") await hang(node);
		else if (kind === "kill") await kill(node);
		else if (kind === "power cut") await cutPower(node);
		else if (kind === "machine off" && machine instanceof VirtualNode) await switchOff(machine);
		else await move();
	}

	function expectOneRunner(): void {
		for (const container of exclusiveContainers) expect(overlapIn(records.spansOf(container))).toBeNull();
	}

	async function expectAllWell(): Promise<void> {
		await cluster.untilAlive();
		for (const container of [...exclusiveContainers, ...available.map((name) => `${name}.0`)])
			await until(
				`${container} to run, for every node on the same one`,
				async () => {
					const rows = await Promise.all(cluster.nodes.map((by) => cluster.row(by.name, container)));
					const places = new Set(rows.map((row) => (row?.phase === "running" ? row.node : null)));
					return places.size === 1 && !places.has(null);
				},
				WELL_MS_MAX,
			);
	}
});
