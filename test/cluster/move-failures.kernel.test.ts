// Moves that fail on the way: a target without room, a CRIU that fails or dies on either side, a link that is cut. Each leaves
// one runnable copy, and `swarm ps` says who has it.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { findCriu } from "../../src/runtime/checkpoint/criu-installation.js";
import { Cluster, missingForMoves, type Ran } from "./cluster.js";
import { type Counter, startCounter } from "./counter.js";
import { type MoveStep, moveAndAct } from "./moving.js";
import { expectOneCopy, expectOneRuns } from "./one-copy.js";
import { expectAlike, restingTracesOf, type Traces } from "./traces.js";

const name = "ct-fails";

/** Each takes half a minute, most of it until a silent link is given up. */
const cutSteps: readonly MoveStep[] =
	process.env.SWARM_LONG === "1" ? ["dump", "transfer", "restore", "handover"] : ["transfer", "handover"];

describe.skipIf(missingForMoves !== null)(`moves that fail (need ${missingForMoves ?? "what is here"})`, () => {
	let cluster: Cluster;
	let counter: Counter;
	let criu: FaultyCriu;
	/** What is there while the container is on that node and nothing happens. */
	const quiet = new Map<string, Traces>();

	const movers = () => cluster.nodes.filter((node) => node.name !== "n3");

	beforeAll(async () => {
		criu = new FaultyCriu();
		cluster = await Cluster.up(name, 3);
		for (const node of movers()) {
			await cluster.killDaemon(node.name);
			await cluster.startDaemon(node.name, { SWARM_CRIU_DIR: criu.directory });
		}
		await cluster.untilAlive();
		counter = await startCounter(cluster, { witness: "n3", memoryMib: 64 });
		for (let round = 0; round < 3; round++) {
			const to = other(await counter.counts());
			await cluster.done("n3", "migrate", "counter", "--to", to);
			expect(await counter.counts()).toBe(to);
			quiet.set(to, await restingTracesOf(movers()));
		}
	}, 240_000);

	afterEach(async () => {
		criu.set("works");
		await cluster.heal();
	});

	afterAll(async () => {
		await counter?.end();
		await cluster?.down();
		criu?.end();
	}, 60_000);

	/** The command fails with one clear line, and the container is where it was, as it was. */
	async function expectStays(from: string, ran: Ran, reason: RegExp): Promise<void> {
		expect(ran.stderr.trim().split("\n").at(-1)).toMatch(reason);
		expect(ran.exitCode).not.toBe(0);
		expect(await expectOneCopy(cluster, counter)).toBe(from);
		await expectAlike(movers(), quiet.get(from) ?? {});
	}

	it.each([
		["a target whose disk is too small", "size=16m", /^Cannot move counter\.0: space: the move needs \d+ MiB/],
		["a target whose disk is full in the middle", "size=2g,nr_inodes=10", /^Cannot .*no space left/i],
	])(
		"%s",
		async (_, size, reason) => {
			const from = await counter.counts();
			const scratch = join(cluster.node(other(from)).stateDirectory, "moving");
			execFileSync("mount", ["-t", "tmpfs", "-o", size, "swarm-ct", scratch]);
			const ran = await cluster.swarm("n3", "migrate", "counter", "--to", other(from)).finally(() => {
				execFileSync("umount", ["--lazy", scratch]);
			});
			await expectStays(from, ran, reason);
		},
		60_000,
	);

	it.each([
		["dump-fails", /^Cannot checkpoint counter\.0/],
		["dump-dies", /^Cannot checkpoint counter\.0/],
		["restore-fails", /^Cannot restore counter\.0/],
		["restore-dies", /^Cannot restore counter\.0/],
	] as const)(
		"a CRIU whose %s",
		async (fault, reason) => {
			const from = await counter.counts();
			criu.set(fault);
			await expectStays(from, await cluster.swarm("n3", "migrate", "counter", "--to", other(from)), reason);
		},
		60_000,
	);

	it.each(cutSteps)(
		"a link that is cut at the step %s",
		async (step) => {
			const from = await counter.counts();
			const to = other(from);
			const ran = await moveAndAct(cluster, { on: from, to, step, act: () => cluster.partition([from], [to]) });
			// The third node hears both sides: through it they agree before the link is back.
			const holder = await expectOneRuns(cluster, counter);
			expect(ran.exitCode === 0 ? to : from).toBe(holder);
			await cluster.heal();
			await cluster.untilAlive();
			expect(await expectOneCopy(cluster, counter)).toBe(holder);
			await expectAlike(movers(), quiet.get(holder) ?? {});
		},
		120_000,
	);

	it("the log is whole after all of them", async () => {
		await counter.expectWholeLog();
	});
});

function other(node: string): string {
	return node === "n1" ? "n2" : "n1";
}

type Fault = "works" | "dump-fails" | "dump-dies" | "restore-fails" | "restore-dies";

/** The real CRIU behind a script that can be told to fail at once, or to be killed shortly after it began. */
class FaultyCriu {
	/** For SWARM_CRIU_DIR. */
	readonly directory = mkdtempSync(join(tmpdir(), "swarm-faulty-criu-"));

	constructor() {
		const real = findCriu();
		const script = join(this.directory, "criu");
		const argv = (real?.argv ?? []).map((word) => `'${word}'`).join(" ");
		const lines = [
			"#!/bin/sh",
			`read -r fault <'${this.directory}/fault'`,
			'case "$fault:$1" in',
			"dump-fails:dump | restore-fails:restore) exit 1 ;;",
			// Not before it writes memory: a task into which it is putting its own code at that moment does not survive its death.
			"dump-dies:dump)",
			'	for word; do [ "$before" = -D ] && images=$word; before=$word; done',
			`	${argv} "$@" & victim=$!`,
			'	until [ -s "$images/pages-1.img" ] || ! kill -0 $victim 2>/dev/null; do :; done',
			"	kill -9 $victim",
			"	wait $victim ;;",
			"restore-dies:restore)",
			`	${argv} "$@" & victim=$!`,
			"	sleep 0.03",
			"	kill -9 $victim",
			"	wait $victim ;;",
			`*) exec ${argv} "$@" ;;`,
			"esac",
		];
		mkdirSync(this.directory, { recursive: true });
		writeFileSync(script, `${lines.join("\n")}\n`);
		chmodSync(script, 0o755);
		writeFileSync(join(this.directory, "current"), JSON.stringify({ argv: [script], version: real?.version }));
		this.set("works");
	}

	set(fault: Fault): void {
		writeFileSync(join(this.directory, "fault"), `${fault}\n`);
	}

	end(): void {
		rmSync(this.directory, { recursive: true, force: true });
	}
}
