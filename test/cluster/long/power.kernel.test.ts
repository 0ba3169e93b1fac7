// Four nodes and a fifth in a machine of its own (user-mode Linux), whose power is cut again and again: while it joins, starts, is given
// work, takes over that of another node that lost its power, promises leases, or stands idle. Each time it comes back from its disk as who it
// was; what it promised stands there, all nodes come to know the same again, and by the monitors' own records no exclusive container
// ever ran on two nodes at one moment. `npm run test:power -- --cuts 10 --seed 1`.

import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SwarmEvent } from "../../../src/model.js";
import type { DaemonConfig } from "../../../src/node/config.js";
import type { SplitStory } from "../../../src/node/partition/report.js";
import { until } from "../../support/until.js";
import { Cluster, missingForCluster } from "../cluster.js";
import { createSimChance } from "../sim/sim-chance.js";
import { processTable } from "../traces.js";
import { overlapIn, recordGuards } from "./guard-spans.js";
import { type HeardPromises, hearPromises } from "./promised.js";
import { VirtualNode } from "./virtual-node.js";

const cuts = Number(process.env.SWARM_CUTS ?? "10");
const seed = process.env.SWARM_SEED ?? "1";
const MINUTE_MS = 60_000;
const LOOK_MS = 20;
/** The node whose power is cut; n1 to n4 stay, but for `last` when it hands over. */
const name = "n5";
const last = "n4";
/** From the switch to a daemon that is usable it takes three to five seconds. */
const STARTING_MS = [800, 5_000] as const;
/** Noticing that a node is down and waiting for the end of its leases. */
const TAKING_OVER_MS = [5_000, 20_000] as const;
const WELL_MS_MAX = 3 * MINUTE_MS;
const moments = ["first run", "deploy", "vote", "hand-over", "start", "idle"] as const;
type Moment = (typeof moments)[number];

describe.skipIf(missingForCluster !== null)(`power (needs ${missingForCluster ?? "what is here"})`, () => {
	const chance = createSimChance(`power ${seed}`);
	const told = new Map<string, number>();
	const containers = new Set<string>();
	let cluster: Cluster;
	let records: ReturnType<typeof recordGuards>;
	let looking: NodeJS.Timeout;
	let machine: VirtualNode | string = "not made";
	let heard: HeardPromises;

	beforeAll(async () => {
		cluster = await Cluster.up("ct-power", 4);
		records = recordGuards(cluster.nodes);
		looking = setInterval(() => records.look(), LOOK_MS);
		heard = hearPromises(() => cluster, [...cluster.nodes.map((node) => node.name), name], name);
		machine = await VirtualNode.provide({
			...{ cluster, name },
			onGuard: ({ container, line, atMs }) => records.note(name, container, line, atMs),
		});
	}, 15 * MINUTE_MS);

	afterAll(async () => {
		clearInterval(looking);
		if (machine instanceof VirtualNode) await machine.remove();
		await heard?.stop();
		await cluster?.down();
	}, 2 * MINUTE_MS);

	const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

	it(`of a machine, cut ${cuts} times, seed ${seed}`, { timeout: (cuts * 4 + 10) * MINUTE_MS }, async ({ skip }) => {
		if (typeof machine === "string") return skip(machine);
		await joinThroughCuts(machine);
		for (let cut = 0; cut < cuts; cut++) {
			await cutAt(moments[cut % moments.length] ?? "idle", machine, `ex-${cut}`);
			expectOneRunner();
		}
		await expectStory();
		const spans = [...containers].flatMap((container) => records.spansOf(container));
		const there = spans.filter((span) => span.node === name).length;
		console.log(`  power cut during: ${[...told].map(([moment, count]) => `${moment} ${count}`).join(", ")}`);
		console.log(`  promises of ${name} that others counted: ${heard.count}; missing on its disk: 0`);
		console.log(
			`  runs of exclusive containers by their monitors: ${spans.length}, ${there} of them on ${name}; two at once: 0`,
		);
		await machine.remove();
		await heard.stop();
		await cluster.down();
		expectNothingLeft(machine);
	});

	/** The machine goes dark in the middle of its first start, wherever that is; the third one ends well. */
	async function joinThroughCuts(node: VirtualNode): Promise<void> {
		const line = await cluster.done("n1", "token", "create", "--ttl", "1h", "--uses", "50", "--json");
		const { token, address } = JSON.parse(line) as { token: string; address: string };
		const joining: DaemonConfig["join"] = { addresses: [address], token };
		for (let cut = 0; cut < 2; cut++) {
			note("join");
			node.switchOn(joining);
			await pause(chance.between(...STARTING_MS));
			await node.cutPower();
		}
		const { report } = await node.boot(joining);
		cluster = cluster.with(node.asClusterNode(report));
		await cluster.untilAlive();
	}

	async function cutAt(moment: Moment, node: VirtualNode, workload: string): Promise<void> {
		note(moment);
		if (moment === "hand-over") await cutDuringHandOver(node, workload);
		else if (moment === "start") await cutDuringStart(node, workload);
		else await cutDuringWork(moment, node, workload);
		await expectWell(workload);
		await cluster.done("n1", "rm", workload);
		heard.forget(workload);
		await expectAlike(`${workload} to be gone everywhere`, (rows) => rows.every((row) => row.workload !== workload));
	}

	async function cutDuringWork(moment: Moment, node: VirtualNode, workload: string): Promise<void> {
		const constraints = moment === "vote" ? [`node!=${name}`] : [];
		const deployed = deploy(workload, 5, constraints);
		if (moment === "idle" || moment === "first run") {
			await deployed;
			await expectWell(workload);
		}
		// Little of what the first run wrote is on the disk by itself then.
		if (moment !== "first run") await pause(chance.between(500, 3_500));
		await cutPower(node);
		await deployed;
		// Once so long that it is missed: where it is quick to start again, it may never be.
		if (moment === "first run")
			await until(`n1 to miss ${name}`, async () => (await cluster.liveness("n1", name)) === "down", WELL_MS_MAX);
		// The others take over what was there, or it is back before they do.
		else if (chance.happens(0.6)) await untilRunning(workload, except(name));
		await bootAgain(node);
	}

	async function cutDuringStart(node: VirtualNode, workload: string): Promise<void> {
		await deploy(workload, 5, []);
		await expectWell(workload);
		await cutPower(node);
		node.switchOn(null);
		await pause(chance.between(...STARTING_MS));
		await cutPower(node);
		await bootAgain(node);
	}

	/** It may run on the last two alone: first the one that has it goes dark, then the other while it takes over. */
	async function cutDuringHandOver(node: VirtualNode, workload: string): Promise<void> {
		const apart = except(name, last).map((each) => `node!=${each}`);
		await deploy(workload, 1, apart);
		await expectWell(workload);
		const row = await cluster.row("n1", `${workload}.0`);
		const order = row?.node === name ? [name, last] : [last, name];
		for (const each of order) {
			if (each === name) await cutPower(node);
			else {
				await cluster.killNode(last);
				records.killed(last);
			}
			if (each === order[0]) await pause(chance.between(...TAKING_OVER_MS));
		}
		await cluster.startDaemon(last);
		await bootAgain(node);
	}

	const note = (moment: string) => told.set(moment, (told.get(moment) ?? 0) + 1);
	const except = (...names: readonly string[]) =>
		cluster.nodes.map((each) => each.name).filter((each) => !names.includes(each));

	async function deploy(workload: string, replicas: number, constraints: readonly string[]): Promise<void> {
		for (let index = 0; index < replicas; index++) containers.add(`${workload}.${index}`);
		const flags = constraints.flatMap((each) => ["--constraint", each]);
		// User-mode Linux has nf_tables without one family of tables: no network for containers there.
		const limits = ["--network", "none", "--memory", "16M", "--restart", "always"];
		const rest = [...limits, "--", "sh", "-c", "while :; do sleep 0.1; done"];
		await cluster.done(
			"n1",
			"deploy",
			workload,
			"--replicas",
			String(replicas),
			"--policy",
			"exclusive",
			...flags,
			...rest,
		);
	}

	async function cutPower(node: VirtualNode): Promise<void> {
		await node.cutPower();
		records.killed(name);
	}

	/** It is who it was, and has on its disk what it said yes to. */
	async function bootAgain(node: VirtualNode): Promise<void> {
		// Before it says yes again.
		const missingIn = heard.check();
		const { report, promises } = await node.boot(null);
		expect(report.ping.node).toBe(cluster.node(name).id);
		expect(await missingIn(promises)).toEqual([]);
	}

	async function expectWell(workload: string): Promise<void> {
		await cluster.untilAlive();
		await untilRunning(workload, except());
	}

	/** Every replica runs, and `among` know the same of it. */
	const untilRunning = (workload: string, among: readonly string[]) =>
		expectAlike(
			`${workload} to run, for ${among.join(", ")} on the same nodes`,
			(rows) => {
				const ours = rows.filter((row) => row.workload === workload);
				return ours.length > 0 && ours.every(({ phase, node }) => phase === "running" && among.includes(node ?? ""));
			},
			among,
		);

	async function expectAlike(
		what: string,
		isSo: (rows: Awaited<ReturnType<Cluster["nodes"][number]["client"]["containers"]>>) => boolean,
		among: readonly string[] = except(),
	): Promise<void> {
		let seen: unknown = null;
		const look = async () => {
			const all = await Promise.all(among.map((by) => cluster.node(by).client.containers()));
			seen = all.map((rows) =>
				rows.map(({ container, node, phase, epoch }) => `${container} ${node} ${phase} ${epoch}`),
			);
			return all.every((rows) => isSo(rows) && JSON.stringify(rows) === JSON.stringify(all[0]));
		};
		await until(what, look, WELL_MS_MAX).catch((thrown: Error) => {
			const said = machine instanceof VirtualNode ? machine.console() : "";
			throw new Error(`${thrown.message}; seen: ${JSON.stringify(seen)}; ${name} said:\n${said}`);
		});
	}

	function expectOneRunner(): void {
		for (const container of containers) expect(overlapIn(records.spansOf(container))).toBeNull();
	}

	/** Who stayed tells when it went and came back, and what became of its containers meanwhile. */
	async function expectStory(): Promise<void> {
		const { stories } = JSON.parse(await cluster.done("n1", "partition", "report", "--json")) as {
			stories: readonly SplitStory[];
		};
		expect(stories.flatMap(({ missed }) => missed)).toContainEqual({
			...{ by: "n1", node: name, fromMs: expect.any(Number), toMs: expect.any(Number) },
		});
		const lines = (await cluster.done("n1", "events", "--json")).trim().split("\n");
		const ofIt = lines.map((line) => JSON.parse(line) as SwarmEvent).filter(({ subject }) => subject === name);
		expect(ofIt.map(({ kind }) => kind)).toEqual(
			expect.arrayContaining(["node.joined", "node.down", "node.alive", "node.started"]),
		);
	}

	function expectNothingLeft({ trace }: VirtualNode): void {
		expect(processTable().filter(({ command }) => command.includes(trace))).toEqual([]);
		expect(readFileSync("/proc/mounts", "utf8")).not.toContain(trace);
		expect(existsSync(trace)).toBe(false);
	}
});
