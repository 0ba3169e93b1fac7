// The example client as its reader would run it: from a directory of its own, with the package in its node_modules, against a cluster of
// three nodes, with nothing but a capability. Then what the cluster has to say about it.

import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditRow, CapabilityRow } from "../../src/node/api/contract.js";
import { root } from "../support/source-tree.js";
import { until } from "../support/until.js";
import { Cluster, missingForMoves } from "./cluster.js";

const name = "ct-client";
const deadlineMs = 60_000;

describe.skipIf(missingForMoves !== null)(
	`a client of the mesh API (needs ${missingForMoves ?? "what is here"})`,
	() => {
		let cluster: Cluster;
		let directory: string;

		beforeAll(async () => {
			directory = await mkdtemp("/var/tmp/swarm-mesh-client-");
			await mkdir(join(directory, "node_modules"));
			await symlink(root, join(directory, "node_modules/stratoswarm"));
			await cp(join(root, "examples/mesh-client"), directory, { recursive: true });
			cluster = await Cluster.up(name, 3);
			await cluster.untilAlive();
		}, 180_000);

		afterAll(async () => {
			await cluster?.down();
			await rm(directory, { recursive: true, force: true });
		}, 120_000);

		async function example(capability: string) {
			const { stdout, stderr, exitCode } = await cluster.type("n3", [
				...["env", `SWARM_CAPABILITY=${capability}`],
				...[process.execPath, join(directory, "follow-a-move.mjs")],
			]);
			return { stdout, stderr, exitCode };
		}

		it("deploys, watches its container move, reads its log, and is refused what it lacks", async () => {
			const verbs = "list,watch,deploy,logs,migrate,remove";
			const argv = ["capability", "create", "--verbs", verbs, "--labels", "app=example", "--note", "the example"];
			const capability = (await cluster.done("n1", ...argv)).trim();
			const ran = await example(capability);
			expect(`${ran.stderr}${ran.exitCode}`).toBe("0");
			const from = /deployed: \S+ on (\w+)/.exec(ran.stdout)?.[1];
			const to = /moved: to (\w+), downtime \d+ ms/.exec(ran.stdout)?.[1];
			expect([from, to]).not.toContain(undefined);
			const seen = [...ran.stdout.matchAll(/^watched: \S+ running on (\w+)$/gm)].map((match) => match[1]);
			expect(seen[0]).toBe(from);
			expect(seen.at(-1)).toBe(to);
			const counts = [...ran.stdout.matchAll(/^log: count (\d+)$/gm)].map((match) => Number(match[1]));
			expect(counts).toHaveLength(6);
			expect(counts).toEqual([...counts].sort((a, b) => a - b));
			expect(ran.stdout).toMatch(/^refused: refused: Cannot exec: the capability has not the verb exec/m);

			// What n1 signed and some node answered is known everywhere.
			const id =
				(JSON.parse(await cluster.done("n2", "capability", "ls", "--json")) as readonly CapabilityRow[])[0]?.id ?? "";
			const audit = async () =>
				JSON.parse(await cluster.done("n2", "audit", "--json", "--capability", id)) as readonly AuditRow[];
			await until("the audit log", async () => (await audit()).some((row) => row.verb === "remove"), deadlineMs);
			const rows = await audit();
			expect(rows.filter((row) => row.refusal === null).map((row) => row.verb)).toEqual(
				expect.arrayContaining(["connect", "list", "deploy", "watch", "logs", "migrate", "remove"]),
			);
			expect(rows.find((row) => row.verb === "exec")?.refusal).toMatch(/not the verb exec/);

			await cluster.done("n3", "capability", "revoke", id);
			await until(
				"every node to refuse it",
				async () => /refused|revoked/.test((await example(capability)).stderr),
				deadlineMs,
			);
		}, 180_000);
	},
);
