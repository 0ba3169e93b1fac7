// What happens to a workload besides moves, on a cluster of two and as typed: it ends and is started again, falls ill and is started
// again, is paused and goes on; daemons are killed meanwhile, and any node can be asked.

import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SwarmEvent } from "../../src/model.js";
import type { ContainerRow } from "../../src/node/api/contract.js";
import { until } from "../support/until.js";
import { Cluster, missingForMoves } from "./cluster.js";

describe.skipIf(missingForMoves !== null)(`the life of a workload (needs ${missingForMoves ?? "what is here"})`, () => {
	let cluster: Cluster;

	beforeAll(async () => {
		cluster = await Cluster.up("ct-life", 2);
	}, 120_000);

	afterAll(async () => {
		await cluster?.down();
	}, 60_000);

	/** Until the container is as wanted, in the eyes of every node. */
	const untilRow = async (container: string, what: string, holds: (row: ContainerRow) => boolean) => {
		for (const { name } of cluster.nodes)
			await until(
				`${container} to be ${what} for ${name}`,
				async () => {
					const row = await cluster.row(name, container);
					return row !== null && holds(row) ? row : null;
				},
				60_000,
			);
		return (await cluster.row("n1", container)) as ContainerRow;
	};
	const eventsOf = async (subject: string) => {
		const lines = (await cluster.done("n2", "events", "--json")).trim().split("\n");
		return lines.map((line) => JSON.parse(line) as SwarmEvent).filter((event) => event.subject === subject);
	};
	const remove = (name: string) => cluster.done("n1", "rm", name);

	it("is started again by its policy, counted through a kill of the daemon, and left when the maximum is reached", async () => {
		const policy = ["--restart", "on-failure:2", "--constraint", "node=n1"];
		await cluster.deploy("n2", "failing", ...policy, "--", "sh", "-c", "echo run; exit 3");
		await untilRow("failing.0", "started again", (row) => row.restarts >= 1);
		await cluster.killDaemon("n1");
		await cluster.startDaemon("n1");
		const end = await untilRow("failing.0", "given up", (row) => row.restarts === 2 && row.phase === "stopped");
		expect(end).toMatchObject({ exitCode: 3, nextRestartAtMs: null });
		expect(await cluster.done("n2", "logs", "failing")).toBe("run\nrun\nrun\n");
		const restarts = (await eventsOf("failing.0")).filter(({ kind }) => kind === "container.restarted");
		// One that the end of the daemon kept from running is begun twice.
		expect([...new Set(restarts.map(({ details }) => details.restarts))]).toEqual([1, 2]);
		await remove("failing");
	}, 120_000);

	it("keeps its count when it moves", async () => {
		const script = "[ -e /tmp/once ] && exec sleep 1000; touch /tmp/once; exit 1";
		await cluster.deploy("n1", "once", "--restart", "always", "--constraint", "node=n1", "--", "sh", "-c", script);
		await untilRow("once.0", "running", (row) => row.restarts === 1 && row.phase === "running");
		await cluster.done("n1", "rm", "once");
		const free = ["--restart", "always", "--memory", "32M"];
		const [placed] = await cluster.deploy("n1", "twice", ...free, "--", "sh", "-c", script);
		const row = await untilRow("twice.0", "running", (row) => row.restarts === 1 && row.phase === "running");
		const to = row.node === "n1" ? "n2" : "n1";
		await cluster.done("n1", "migrate", "twice", "--to", to);
		const moved = await untilRow("twice.0", "there", (row) => row.node === to && row.phase === "running");
		expect(moved).toMatchObject({ container: placed?.container, restarts: 1 });
		await remove("twice");
	}, 120_000);

	it("is checked, shown as ill with the reason, and started again", async () => {
		const check = ["--health-command", "test ! -e /tmp/ill || { echo feverish; false; }", "--health-interval", "200ms"];
		const script = "rm -f /tmp/ill; echo begun; exec sleep 1000";
		const policy = ["--restart", "always", "--health-retries", "5", "--stop-grace", "200ms"];
		await cluster.deploy("n1", "sick", ...policy, ...check, "--", "sh", "-c", script);
		await untilRow("sick.0", "healthy", (row) => row.health?.status === "healthy");
		expect(await cluster.done("n2", "ps", "sick")).toContain("running (healthy)");
		await cluster.done("n2", "exec", "sick", "--", "touch", "/tmp/ill");
		await untilRow("sick.0", "well again", (row) => row.restarts === 1 && row.health?.status === "healthy");
		const ill = (await eventsOf("sick.0")).filter(({ kind }) => kind === "container.unhealthy");
		expect(ill).toMatchObject([{ details: { reason: "exit code 1: feverish" } }]);
		expect(await cluster.done("n1", "logs", "sick")).toBe("begun\nbegun\n");
		await remove("sick");
	}, 120_000);

	it("is asked over HTTP and TCP at its address", async () => {
		const page = "mkdir -p /tmp/www && echo fine > /tmp/www/ok && exec busybox httpd -f -p 8080 -h /tmp/www";
		for (const [name, check] of [
			["http", ["--health-http", "8080/ok"]],
			["tcp", ["--health-tcp", "8080"]],
			["nohttp", ["--health-http", "8080/missing", "--health-retries", "1", "--health-interval", "100ms"]],
		] as const)
			await cluster.deploy("n1", name, ...check, "--", "sh", "-c", page);
		for (const name of ["http", "tcp"])
			await untilRow(`${name}.0`, "healthy", (row) => row.health?.status === "healthy");
		const ill = await untilRow("nohttp.0", "unhealthy", (row) => row.health?.status === "unhealthy");
		// Its policy is `never`: it is told, and left alone.
		expect(ill).toMatchObject({ phase: "running", restarts: 0 });
		// On a slow machine it falls ill before its server listens.
		expect(ill.health?.reason).toMatch(/HTTP status 404|ECONNREFUSED/);
		for (const name of ["http", "tcp", "nohttp"]) await remove(name);
	}, 120_000);

	it("is paused on whatever node, stays so without its daemon, does not move, and goes on", async () => {
		const script = "n=0; while :; do n=$((n+1)); echo $n; sleep 0.05; done";
		await cluster.deploy("n1", "ticking", "--memory", "32M", "--", "sh", "-c", script);
		const count = async () => Number((await cluster.done("n1", "logs", "ticking", "--tail", "1")).trim());
		await until("it to count", async () => (await count()) > 2);
		const { node } = await untilRow("ticking.0", "running", (row) => row.phase === "running");
		const [owner, other] = node === "n1" ? ["n1", "n2"] : ["n2", "n1"];
		expect(await cluster.done(other, "pause", "ticking")).toContain("paused");
		await untilRow("ticking.0", "paused", (row) => row.phase === "paused");
		const before = await count();
		await cluster.killDaemon(owner);
		await cluster.startDaemon(owner);
		await untilRow("ticking.0", "paused", (row) => row.phase === "paused");
		const still = await count();
		// What it had printed may still have been on its way to the log.
		expect(still - before).toBeLessThanOrEqual(1);
		await cluster.untilAlive();
		const refused = await cluster.swarm(owner, "migrate", "ticking", "--to", other);
		expect(refused.exitCode).toBe(5);
		expect(refused.stderr).toContain("ticking.0 is paused, wanted running: resume it first with `swarm resume`");
		expect(await count()).toBe(still);
		await cluster.done(owner, "resume", "ticking");
		await until("it to go on", async () => (await count()) > still);
		expect((await cluster.row(owner, "ticking.0"))?.epoch).toBe(1);
		await remove("ticking");
	}, 120_000);

	describe("exported and imported", () => {
		let directory: string;
		beforeAll(() => {
			directory = mkdtempSync("/var/tmp/swarm-life-");
		});
		afterAll(() => rmSync(directory, { recursive: true, force: true }));

		const countOf = async () => Number((await cluster.done("n1", "logs", "travelling", "--tail", "1")).trim());

		it("goes on with its memory, files and logs on another node, and not beside itself", async () => {
			const script = "echo kept > /srv/note; n=0; while :; do n=$((n+1)); echo $n; sleep 0.05; done";
			const placing = ["--memory", "32M", "--constraint", "node!=nowhere"];
			await cluster.deploy("n1", "travelling", ...placing, "--", "sh", "-c", `mkdir -p /srv; ${script}`);
			await until("it to count", async () => (await countOf()) > 3);
			const { node } = await untilRow("travelling.0", "running", (row) => row.phase === "running");
			const [from, to] = node === "n1" ? ["n1", "n2"] : ["n2", "n1"];
			const file = join(directory, "travelling.tar");
			// Asked of the node that does not have it.
			await cluster.done(to, "export", "travelling", file);
			const exported = await countOf();
			await until("it to run on", async () => (await countOf()) > exported);
			const beside = await cluster.swarm(to, "import", file);
			expect(beside).toMatchObject({ exitCode: 5 });
			expect(beside.stderr).toContain("the name is taken");
			await cluster.done(from, "rm", "travelling");
			const rows = JSON.parse(await cluster.done(to, "import", file, "--json")) as readonly ContainerRow[];
			expect(rows).toMatchObject([{ container: "travelling.0", node: to, phase: "running" }]);
			await until("it to go on", async () => (await countOf()) > exported);
			const lines = (await cluster.done(from, "logs", "travelling")).trim().split("\n").map(Number);
			expect(lines).toEqual(lines.map((_, index) => index + 1));
			expect(await cluster.done(from, "exec", "travelling", "--", "cat", "/srv/note")).toBe("kept\n");
			await remove("travelling");
		}, 180_000);

		it("stands stopped with its files when it did not run, and starts with them", async () => {
			await cluster.deploy("n2", "done", "--", "sh", "-c", "mkdir -p /srv; echo once >> /srv/note; cat /srv/note");
			await untilRow("done.0", "stopped", (row) => row.phase === "stopped");
			const file = join(directory, "done.tar");
			await cluster.done("n1", "export", "done", file);
			await remove("done");
			const rows = JSON.parse(await cluster.done("n1", "import", file, "--json")) as readonly ContainerRow[];
			expect(rows).toMatchObject([{ container: "done.0", node: "n1", desired: "stopped" }]);
			expect(await cluster.done("n2", "logs", "done")).toBe("once\n");
			await cluster.done("n2", "start", "done");
			await untilRow("done.0", "stopped", (row) => row.desired === "running" && row.phase === "stopped");
			expect(await cluster.done("n2", "logs", "done")).toBe("once\nonce\nonce\n");
			await remove("done");
		}, 120_000);

		it("is refused where the file is none of ours, and leaves nothing then", async () => {
			const file = join(directory, "wrong.tar");
			writeFileSync(file, "x".repeat(5_000));
			const ran = await cluster.swarm("n1", "import", file);
			expect(ran.exitCode).toBe(1);
			for (const { stateDirectory } of cluster.nodes)
				expect(
					existsSync(join(stateDirectory, "archives")) ? readdirSync(join(stateDirectory, "archives")) : [],
				).toEqual([]);
			expect(await cluster.done("n1", "ps", "--json")).toBe("[]\n");
		}, 60_000);
	});
});
