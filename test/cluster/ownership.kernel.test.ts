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
		const votes = async () => {
			const [w1] = (await cluster.node("n2").client.nodes()).filter((row) => row.name === "w1");
			return w1?.liveness === "alive" && w1.votes;
		};
		await until("n2 to see the witness alive and voting", votes, TAKEN_MS_MAX);

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

describe.skipIf(missingForCluster !== null)(`voters (need ${missingForCluster ?? "what is here"})`, () => {
	let cluster: Cluster;

	beforeAll(async () => {
		cluster = await Cluster.up("ct-voters", 5);
		for (const late of ["n4", "n5"]) await cluster.done(late, "node", "leave");
	}, 120_000);

	afterAll(() => cluster?.down(), 60_000);

	const voters = async (by: string) => {
		const rows = await cluster.node(by).client.nodes();
		return rows.filter((row) => row.votes && row.liveness !== "left").map((row) => row.name);
	};

	it("two nodes that join the smaller side of a split give it no majority, and vote when it has healed", {
		timeout: 240_000,
	}, async () => {
		const stay = ["--policy", "exclusive", "--constraint", "node=n1"];
		await cluster.deploy("n1", "db", ...stay, "--", "sleep", "1000");
		const record = join(cluster.node("n1").stateDirectory, "containers", db, "guard");
		await cluster.partition(["n1", "n2"], ["n3", "n4", "n5"]);
		const { token } = JSON.parse(await cluster.done("n3", "token", "create", "--uses", "2", "--json")) as JoinLine;
		const to = `${cluster.node("n3").address}:7749`;
		for (const late of ["n4", "n5"]) {
			const place = ["--listen", `${cluster.node(late).address}:7749`, "--name", late];
			await cluster.done(late, "node", "join", to, "--token", token, ...place);
		}
		const here = ["--policy", "exclusive", "--constraint", "node=n3"];
		const deploying = cluster.deploy("n3", "other", ...here, "--", "sleep", "1000");
		const explained = () => cluster.done("n3", "explain", "other");
		await until("n3 to miss the majority", async () => (await explained()).includes("1 of 3 voters"), TAKEN_MS_MAX);
		expect(await explained()).toContain("n4, n5 vote once these agree");
		expect(await voters("n3")).toEqual(["n1", "n2", "n3"]);
		expect(await cluster.done("n4", "node", "ls")).toContain("member (no vote yet)");
		expect(await cluster.row("n1", db)).toMatchObject({ node: "n1", phase: "running" });

		await cluster.heal();
		const all = ["n1", "n2", "n3", "n4", "n5"];
		for (const by of all)
			await until(`all to vote, as ${by} sees it`, async () => (await voters(by)).join() === all.join(), TAKEN_MS_MAX);
		expect(await deploying).toMatchObject([{ node: "n3", phase: "running" }]);
		expect(readFileSync(record, "utf8")).not.toMatch(/ (freeze|end)/);
	});
});
