// Who is in the cluster, as typed on three nodes: tokens, a node that is forgotten and comes back, names, a new cluster key, a reader.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SwarmEvent } from "../../src/model.js";
import { connectLocal } from "../../src/node/api/client.js";
import type { AuthorityChange, JoinLine, NodeRow, RttAnswer, TokenRow } from "../../src/node/api/contract.js";
import { until } from "../support/until.js";
import { Cluster, missingForCluster } from "./cluster.js";
import { expectRefusal } from "./refusal.js";

const WAIT_MS = 60_000;

describe.skipIf(missingForCluster !== null)(
	`who is in the cluster (needs ${missingForCluster ?? "what is here"})`,
	() => {
		let cluster: Cluster;
		const scratch = mkdtempSync(join(tmpdir(), "ct-admission-"));

		beforeAll(async () => {
			cluster = await Cluster.up("ct-admit", 3);
		}, 120_000);

		afterAll(async () => {
			await cluster?.down();
			rmSync(scratch, { recursive: true, force: true });
		}, 60_000);

		const jsonOf = async <T>(node: string, ...args: readonly string[]) =>
			JSON.parse(await cluster.done(node, ...args, "--json")) as T;
		const joinBy = (node: string, line: JoinLine, ...as: readonly string[]) =>
			cluster.swarm(node, "node", "join", line.address, "--token", line.token, ...as);
		const eventsOf = async (node: string) =>
			(await cluster.done(node, "events", "--json"))
				.trim()
				.split("\n")
				.map((line) => JSON.parse(line) as SwarmEvent);

		it("a token is made on one node, listed and withdrawn on others, and good for nothing afterwards", async () => {
			const line = await jsonOf<JoinLine>("n2", "token", "create", "--ttl", "10m");
			await until("n3 to know the token", async () =>
				(await jsonOf<TokenRow[]>("n3", "token", "ls")).some((row) => row.id === line.id && row.state === "open"),
			);
			await cluster.done("n3", "token", "revoke", line.id.slice(0, 8));
			await until("n1 to know", async () =>
				(await jsonOf<TokenRow[]>("n1", "token", "ls")).some((row) => row.id === line.id && row.state === "revoked"),
			);
			const as = ["--state", join(scratch, "none"), "--name", "n9", "--listen", `${cluster.node("n2").address}:7950`];
			expectRefusal(await joinBy("n2", line, ...as), 5, /withdrawn/);
		}, 60_000);

		it("every pair of nodes has a round trip, names are unique and change while everything goes on", async () => {
			await until(
				"all round trips",
				async () => {
					const { rows, missing } = await jsonOf<RttAnswer>("n1", "node", "rtt");
					return missing.length === 0 && rows.length === 6 && rows.every(({ rttMs }) => rttMs !== null);
				},
				WAIT_MS,
			);
			expectRefusal(await cluster.swarm("n1", "node", "rename", "n2", "n3"), 5, /name n2 is taken/);
			await cluster.done("n1", "node", "rename", "attic", "n3");
			await until("n2 to know", async () => (await cluster.liveness("n2", "attic")) === "alive");
			await cluster.done("n3", "node", "rename", "n3");
			await until("n2 to know", async () => (await cluster.liveness("n2", "n3")) === "alive");
			expect((await eventsOf("n2")).map((event) => event.message)).toContain("n3 is called attic now");
		}, 90_000);

		it("a node that is forgotten while it is down loses its workloads, is told so when it comes back, and joins again", async () => {
			const rows = await cluster.deploy("n1", "kept", "--replicas", "3", "--", "sleep", "1000");
			const [lost] = rows.filter((row) => row.node === "n3");
			expect(lost).toBeDefined();
			expectRefusal(await cluster.swarm("n1", "node", "forget", "n3"), 5, /it is alive/);
			await cluster.killDaemon("n3");
			await cluster.done("n1", "node", "forget", "n3", "--force");
			const container = lost?.container ?? "";
			await until(
				"the others to run it",
				async () => {
					const row = await cluster.row("n2", container);
					return row !== null && row.node !== "n3" && row.phase === "running";
				},
				WAIT_MS,
			);
			await expect(cluster.startDaemon("n3")).rejects.toThrow(/its cluster has forgotten it \(n1, /);
			await expect(cluster.startDaemon("n3")).rejects.toThrow(/join again with `swarm node join/);
			const log = readFileSync(join(cluster.node("n3").stateDirectory, "daemon.log"), "utf8");
			expect(log).toContain("a container is stopped and kept: the cluster has forgotten this node");
			const refused = readFileSync(join(cluster.node("n1").stateDirectory, "daemon.log"), "utf8");
			expect(refused).toMatch(/"refused a connection".*it was forgotten at/);
			expect((await eventsOf("n2")).map((event) => event.message)).toContain("n3 was forgotten by n1");
			const line = await jsonOf<JoinLine>("n2", "token", "create");
			const listen = ["--listen", cluster.node("n3").address, "--state", cluster.node("n3").stateDirectory];
			expect(await joinBy("n3", line, "--name", "n3", ...listen)).toMatchObject({ exitCode: 0 });
			await cluster.untilAlive();
			await cluster.done("n1", "rm", "kept");
		}, 180_000);

		it("the cluster's key is rolled, and a reader that joins afterwards sees everything and changes nothing", async () => {
			const { fingerprint } = await jsonOf<AuthorityChange>("n1", "ca", "rotate", "--grace", "1h");
			const line = await jsonOf<JoinLine>("n1", "token", "create", "--role", "reader");
			const state = join(scratch, "reader");
			const as = ["--state", state, "--name", "looker", "--listen", `${cluster.node("n2").address}:7951`];
			expect(await joinBy("n2", line, ...as)).toMatchObject({ exitCode: 0 });
			try {
				const reader = connectLocal(state);
				await until(
					"the reader to see all nodes",
					async () => (await reader.nodes()).filter((row: NodeRow) => row.liveness === "alive").length === 4,
					WAIT_MS,
				);
				const deploy = await cluster.swarm("n2", "deploy", "mine", "--state", state, "--", "true");
				expectRefusal(deploy, 5, /this node is a reader/);
				await cluster.deploy("n1", "theirs", "--", "sleep", "1000");
				await until("the reader to see it", async () =>
					(await reader.containers()).some((row) => row.workload === "theirs"),
				);
				expectRefusal(await cluster.swarm("n2", "logs", "theirs", "--state", state), 5, /is a reader/);
				const explained = await cluster.done("n1", "explain", "theirs");
				expect(explained).toMatch(/looker.*it is a reader, which runs nothing/);
				await cluster.done("n1", "rm", "theirs");
				for (const file of ["cluster.json", "node.key"]) {
					const text = readFileSync(join(state, file), "utf8");
					expect(text.length).toBeGreaterThan(50);
				}
				expect(JSON.parse(readFileSync(join(state, "cluster.json"), "utf8")).clusterKey).toBeNull();
			} finally {
				await cluster.done("n2", "node", "leave", "--state", state);
			}
			await until(
				"every node to sign with the new key",
				async () => {
					const logs = ["n2", "n3"].map((node) =>
						readFileSync(join(cluster.node(node).stateDirectory, "daemon.log"), "utf8"),
					);
					return logs.every((log) => log.includes("took over the rotated authority"));
				},
				WAIT_MS,
			);
			const files = cluster.nodes.map((node) => readFileSync(join(node.stateDirectory, "daemon.log"), "utf8"));
			expect(files.some((log) => log.includes(line.token) || log.includes("PRIVATE"))).toBe(false);
			expect(fingerprint).toHaveLength(43);
		}, 120_000);
	},
);
