// An exclusive container whose daemon hangs: its monitor freezes it at the end of the lease, another node runs it, and what the
// two monitors wrote down shows no moment with two. One whose other member is lost: a witness's vote keeps it running.

import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LEASE_MS } from "../../src/crdt/leases.js";
import type { JoinLine } from "../../src/node/api/contract.js";
import { until } from "../support/until.js";
import { Cluster, missingForCluster } from "./cluster.js";

const name = "ct-owner";
/** Noticed, six seconds of patience, the end of the lease, placed. */
const TAKEN_MS_MAX = 90_000;
const db = "db.0";

interface Span {
	readonly fromMs: number;
	readonly toMs: number;
}

describe.skipIf(missingForCluster !== null)(`ownership (needs ${missingForCluster ?? "what is here"})`, () => {
	let cluster: Cluster;
	const stopped = new Set<number>();

	beforeAll(async () => {
		cluster = await Cluster.up(name, 3);
	}, 120_000);

	afterAll(async () => {
		for (const pid of stopped) process.kill(pid, "SIGCONT");
		await cluster?.down();
	}, 60_000);

	/** When it ran by its monitor's own record (native/monitor/guard.h), by the one clock of this machine. */
	function spansOf(file: string): readonly Span[] {
		const spans: Span[] = [];
		let fromMs: number | null = null;
		for (const line of readFileSync(file, "utf8").trim().split("\n")) {
			const [at, , what] = line.split(" ");
			const begins = what === "run" || what === "thaw";
			if (fromMs !== null && !begins) spans.push({ fromMs, toMs: Number(at) });
			if (!begins) fromMs = null;
			else fromMs ??= Number(at);
		}
		return fromMs === null ? spans : [...spans, { fromMs, toMs: Number.POSITIVE_INFINITY }];
	}

	it("a stopped daemon keeps no exclusive container running beside its next owner", { timeout: 240_000 }, async () => {
		const [row] = await cluster.deploy("n1", "db", "--policy", "exclusive", "--", "sleep", "1000");
		const first = row?.node ?? "";
		expect(row?.phase).toBe("running");
		const others = cluster.nodes.map((node) => node.name).filter((node) => node !== first);
		const by = others[0] as string;
		const record = join(cluster.node(first).stateDirectory, "containers", db, "guard");
		expect(spansOf(record)).toHaveLength(1);
		const pid = (await cluster.daemonPid(first)) as number;
		stopped.add(pid);
		process.kill(pid, "SIGSTOP");

		const next = await until(
			"another node to run it",
			async () => {
				const seen = await cluster.row(by, db);
				return seen?.phase === "running" && seen.node !== first ? seen.node : null;
			},
			TAKEN_MS_MAX,
		);
		const [before] = spansOf(record);
		const [after] = spansOf(join(cluster.node(next as string).stateDirectory, "containers", db, "guard"));
		expect(before?.toMs).toBeLessThan(after?.fromMs as number);

		process.kill(pid, "SIGCONT");
		stopped.delete(pid);
		const kept = await until(
			"the first copy to be kept aside",
			() => {
				const held = existsSync(join(cluster.node(first).stateDirectory, "containers", db));
				return held ? null : globSync(join(cluster.node(first).stateDirectory, "superseded", `*${db}*`, "guard"))[0];
			},
			TAKEN_MS_MAX,
		);
		expect(spansOf(kept).map(({ toMs }) => toMs)).toEqual([before?.toMs]);
		expect(spansOf(join(cluster.node(next as string).stateDirectory, "containers", db, "guard"))).toEqual([after]);
		await cluster.done(by, "rm", "db");
	});

	it("with a witness one of two members goes on alone, and stands still without it", { timeout: 240_000 }, async () => {
		const witness = cluster.node("n3");
		await cluster.done("n3", "node", "leave");
		const { address, token } = JSON.parse(await cluster.done("n1", "token", "create", "--json")) as JoinLine;
		const place = ["--listen", `${witness.address}:7749`, "--name", "w1", "--witness"];
		await cluster.done("n3", "node", "join", address, "--token", token, ...place);
		await until("n2 to see the witness", async () => (await cluster.liveness("n2", "w1")) === "alive", TAKEN_MS_MAX);

		const rows = await cluster.deploy("n1", "db", "--policy", "exclusive", "--", "sleep", "1000");
		const owner = rows[0]?.node === "n2" ? "n2" : "n1";
		expect(rows).toMatchObject([{ node: owner, phase: "running" }]);
		const other = owner === "n1" ? "n2" : "n1";
		const record = join(cluster.node(owner).stateDirectory, "containers", db, "guard");
		/** Until when it is held, by this process's clock. */
		const leasedUntilMs = async () => {
			const { lease } = await cluster.node(owner).client.inspect(db);
			const seconds = /^held for ([\d.]+) s more/.exec(lease ?? "")?.[1];
			return performance.now() + 1_000 * Number(seconds ?? Number.NaN);
		};

		await cluster.killNode(other);
		const lostAtMs = performance.now();
		await until(
			"a lease for which it asked without the other member",
			async () => (await leasedUntilMs()) > lostAtMs + LEASE_MS + 500,
			TAKEN_MS_MAX,
		);
		expect(spansOf(record).map(({ toMs }) => toMs)).toEqual([Number.POSITIVE_INFINITY]);

		await cluster.partition([owner], ["n3"]);
		await until("it to stand still", () => spansOf(record).at(-1)?.toMs !== Number.POSITIVE_INFINITY, TAKEN_MS_MAX);
		await cluster.done(owner, "rm", "db");
	});
});
