import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { containerIdOf, type MoveProgress, standardSecurity } from "../../src/model.js";
import { plainExec } from "../../src/runtime/exec-request.js";
import { missingMappedLayers } from "../native/support/mapped-layers.js";
import { createRequest, type RequestWish } from "../support/create-request.js";
import { noTraces, tracesOf } from "../support/kernel.js";
import { busyboxImage } from "../support/native-world.js";
import { until } from "../support/until.js";
import {
	leftoversOf,
	missingForMoves,
	openRealCluster,
	type RealCluster,
	type RealNode,
} from "./support/real-nodes.js";

const missing = missingForMoves();
const mappedMissing = missing ?? missingMappedLayers();
const web = containerIdOf("web", 0);
const never = new AbortController().signal;
const address = "10.99.77.7";
const counter = "i=0; while :; do i=$((i+1)); echo line $i; echo $i > /tmp/n; sleep 0.01; done";
const quiet = { onProgress: () => {}, signal: never };

/** Opens a connection every 0.2 ms until its input ends, in a process of its own, which nothing holds up; then says how they went. */
const knocker = `
	const { connect } = require("node:net");
	let [ended, open, connected, lastMs] = [false, 0, 0, 0];
	const refusals = [];
	process.stdin.on("end", () => { ended = true; }).resume();
	const over = (refusal) => {
		open--;
		if (refusal !== null) refusals.push(refusal);
		else if (++connected === 1) console.log("connected");
	};
	const knock = () => {
		if (!ended && performance.now() - lastMs > 0.2) {
			lastMs = performance.now();
			open++;
			const socket = connect(5000, process.argv[1], () => { over(null); socket.resetAndDestroy(); });
			socket.once("error", ({ message }) => over(message));
		}
		if (!ended || open > 0) setImmediate(knock);
		else console.log(JSON.stringify({ connected, refusals }));
	};
	knock();
`;

function connected(port: number): Promise<Socket | null> {
	return new Promise((resolve) => {
		const socket = connect(port, address);
		socket.once("error", () => resolve(null));
		socket.once("connect", () => resolve(socket.setNoDelay()));
	});
}

/** Sends a number every 2 ms to something that sends it back. */
function echoes(socket: Socket) {
	let sent = 0;
	let text = "";
	let lastMs = Date.now();
	let largestGapMs = 0;
	socket.on("data", (chunk) => {
		largestGapMs = Math.max(largestGapMs, Date.now() - lastMs);
		lastMs = Date.now();
		text += chunk.toString();
	});
	return {
		async during<T>(work: () => Promise<T>): Promise<T> {
			const timer = setInterval(() => socket.write(`${++sent}\n`), 2);
			await until("echoes", () => text.length > 100, 30_000);
			const result = await work();
			const before = sent;
			const answered = () => sent > before + 50 && text.includes(`\n${before + 50}\n`);
			await until("echoes after it", answered, 30_000).catch((thrown: Error) => {
				const kernel = execFileSync("ss", ["-tin", "dst", address]).toString();
				throw new Error(
					`${thrown.message}; ${sent} sent, answered ${text.slice(-8).trim()}; the kernel says ${kernel}`,
				);
			});
			clearInterval(timer);
			return result;
		},
		async missing(): Promise<readonly number[]> {
			await until("the last echo", () => text.endsWith(`\n${sent}\n`), 30_000);
			const seen = text.trim().split("\n").map(Number);
			return seen.filter((number, index) => number !== index + 1);
		},
		largestGapMs: () => largestGapMs,
	};
}

describe.skipIf(missing !== null)(`moves of real containers${missing === null ? "" : ` (needs ${missing})`}`, () => {
	let cluster: RealCluster;
	let a: RealNode;
	let b: RealNode;
	beforeEach(async () => {
		cluster = await openRealCluster(2, (directory) => busyboxImage(`${directory}/rootfs`));
		[a, b] = cluster.nodes as [RealNode, RealNode];
	});
	afterEach(async () => {
		const nodes = [...cluster.nodes];
		await cluster.dispose();
		for (const { scope } of nodes) expect(tracesOf(scope)).toEqual(noTraces);
	});

	const run = (script: string, wish: RequestWish = {}) => {
		const command = ["/bin/sh", "-c", script];
		return cluster.run(a, createRequest(web, { command, address, ...wish, image: cluster.image }));
	};
	const lines = async (node: RealNode) => {
		const texts: string[] = [];
		for await (const line of node.runtime.logs(web, { tail: null, sinceMs: null, follow: false, stream: null }, never))
			texts.push(line.text);
		return texts;
	};
	const numbers = async (node: RealNode) => (await lines(node)).map((text) => Number(text.replace("line ", "")));
	const counting = (node: RealNode, from: number) =>
		until(`the counter to pass ${from}`, async () => (await numbers(node)).length > from, 20_000);
	const exec = async (node: RealNode, ...command: string[]) => {
		const session = await node.runtime.exec(web, plainExec(command));
		let text = "";
		session.stdout.on("data", (chunk: Buffer) => {
			text += chunk.toString();
		});
		session.stdin.end();
		const [code] = await Promise.all([session.exit, once(session.stdout, "close")]);
		return { code, text: text.trim() };
	};
	const unbroken = async (node: RealNode) => {
		const seen = await numbers(node);
		expect(seen).toEqual(seen.map((_, index) => index + 1));
	};

	it("moves a counter there and back: memory, files, limits and logs go on, and nothing stays behind", async () => {
		await run(counter, { resources: { cpus: null, memoryBytes: 64 * 2 ** 20, pids: 40 } });
		await counting(a, 20);
		const steps: MoveProgress[] = [];
		const there = await a.migrations.migrate(web, b.id, { onProgress: (step) => void steps.push(step), signal: never });
		expect(there).toMatchObject({ container: web, from: a.id, to: b.id });
		expect(there.downtimeMs).toBeGreaterThan(0);
		expect(there.imageBytes).toBeGreaterThan(50_000);
		expect(there.bytes).toBeGreaterThan(there.imageBytes);
		expect(steps.map(({ step }) => step)).toContain("handover");
		await until("the source to be empty", () => a.runtime.get(web) === null && a.migrations.moving().size === 0);
		expect(b.runtime.get(web)).toMatchObject({ phase: "running", epoch: 2, address });
		const before = (await numbers(b)).length;
		await counting(b, before + 20);
		await until("its file to be written on", async () => Number((await exec(b, "/bin/cat", "/tmp/n")).text) > before);
		expect((await b.runtime.stats(web)).memoryBytesLimit).toBe(64 * 2 ** 20);
		await until("the target to have put away its checkpoint", () => leftoversOf(b).length === 0);

		const back = await b.migrations.migrate(web, a.id, quiet);
		expect(back.downtimeMs).toBeLessThan(5_000);
		expect(a.runtime.get(web)).toMatchObject({ phase: "running", epoch: 3 });
		await counting(a, (await numbers(a)).length + 10);
		await unbroken(a);
		await until("nothing to be left", () => [a, b].every((node) => leftoversOf(node).length === 0));
	});

	it.skipIf(!existsSync("/proc/self/ns/time"))(
		"does not let the container's clocks jump: the time since boot stands still with it (needs time namespaces)",
		async () => {
			await run("while :; do sleep 0.05; done", { address: null });
			/** In seconds, of proc_pid_timens_offsets(5): how far its clock is ahead of this machine's. */
			const ahead = async (node: RealNode) => {
				const { text } = await exec(node, "/bin/cat", "/proc/1/timens_offsets");
				const [, seconds, nanoseconds] = /^boottime\s+(-?\d+)\s+(\d+)/m.exec(text) ?? [];
				return Number(seconds) + Number(nanoseconds) / 1e9;
			};
			expect(await ahead(a)).toBe(0);
			const { durationMs } = await a.migrations.migrate(web, b.id, quiet);
			expect(await ahead(b)).toBeLessThan(0);
			expect(await ahead(b)).toBeGreaterThan(-durationMs / 1_000);
		},
	);

	it("moves a container in which commands run in a row, and in which one of ours stands by for the next", async () => {
		await run(counter);
		await counting(a, 5);
		for (let count = 0; count < 3; count++) expect((await exec(a, "/bin/true")).code).toBe(0);
		await a.migrations.migrate(web, b.id, quiet);
		await until("the source to be empty", () => a.runtime.get(web) === null && a.migrations.moving().size === 0);
		expect((await exec(b, "/bin/sh", "-c", "grep -l swarm-exec /proc/[0-9]*/comm; true")).text).toBe("");
		await counting(b, (await numbers(b)).length + 5);
		await unbroken(b);
	});

	it("keeps the exit code and the output of a container that ends after its move", async () => {
		await run("echo begun; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo over; exit 7", { address: null });
		await a.migrations.migrate(web, b.id, quiet);
		await exec(b, "/bin/touch", "/tmp/go");
		const ended = await until("the end", () => (b.runtime.get(web)?.phase === "stopped" ? b.runtime.get(web) : null));
		expect(ended.exitCode).toBe(7);
		expect(await lines(b)).toEqual(["begun", "over"]);
	});

	it("keeps files that are open although their name, or every name, is gone", async () => {
		await run(
			"cd /tmp; exec 3>a 4>c 5<c; echo one >&3; echo ghost >&4; busybox ln a b; rm a c; echo ready; " +
				"while [ ! -e go ]; do sleep 0.05; done; echo two >&3; cat b; cat <&5; ls; echo over",
			{ address: null },
		);
		await until("the files to be open", async () => (await lines(a)).includes("ready"));
		await a.migrations.migrate(web, b.id, quiet);
		await exec(b, "/bin/touch", "/tmp/go");
		await until("the end", async () => (await lines(b)).includes("over"));
		expect(await lines(b)).toEqual(["ready", "one", "two", "ghost", "b", "go", "over"]);
	});

	it.each([
		["in a user namespace", null],
		["without a user namespace", false],
	])(
		"keeps an open connection: every byte sent during the move is answered, in order (%s)",
		async (_, userNamespace) => {
			const security = { ...standardSecurity, userNamespace };
			await run("while :; do nc -l -p 5000 -e cat; done", { security });
			expect(a.runtime.get(web)?.firstId === null).toBe(userNamespace === false || mappedMissing !== null);
			const socket = await until("the server to listen", () => connected(5000));
			const answered = echoes(socket);
			const result = await answered.during(() => a.migrations.migrate(web, b.id, quiet));
			expect(await answered.missing()).toEqual([]);
			// Twice the downtime and a retransmission: packets that were on their way at the freeze are sent again.
			expect(answered.largestGapMs()).toBeLessThan(2 * result.downtimeMs + 1_500);
			socket.destroy();
			await until("nothing to be left", () => [a, b].every((node) => leftoversOf(node).length === 0));
		},
	);

	it.each([
		["in a user namespace", null],
		["without a user namespace", false],
	])(
		"refuses nobody who connects during the move: its copy is not heard before it is whole (%s)",
		async (_, wanted) => {
			const security = { ...standardSecurity, userNamespace: wanted };
			await run("httpd -f -p 5000 -h /bin", { security });
			const first = await until("the server to listen", () => connected(5000));
			first.destroy();
			const knocking = spawn(process.execPath, ["-e", knocker, address]);
			await once(knocking.stdout, "data");
			await a.migrations.migrate(web, b.id, quiet);
			const answers = once(knocking.stdout, "data");
			knocking.stdin.end();
			expect(JSON.parse(String((await answers)[0]))).toEqual({ connected: expect.any(Number), refusals: [] });
		},
	);

	it.skipIf(mappedMissing !== null)(
		"takes its user namespace along, with ids that are its own on the target",
		async () => {
			const other = containerIdOf("other", 0);
			await cluster.run(b, createRequest(other, { command: ["/bin/sleep", "1000"], image: cluster.image }));
			await run("while :; do sleep 0.05; done", { address: null, user: "1000:1001" });
			const asRoot = async (node: RealNode, script: string) => {
				const session = await node.runtime.exec(web, { ...plainExec(["/bin/sh", "-c", script]), user: "0:0" });
				let text = "";
				session.stdout.on("data", (chunk: Buffer) => {
					text += chunk.toString();
				});
				session.stdin.end();
				await Promise.all([session.exit, once(session.stdout, "close")]);
				return text.trim();
			};
			await asRoot(a, "touch /tmp/mine; chmod 600 /tmp/mine; chown 1000:1001 /tmp/mine");
			await a.migrations.migrate(web, b.id, quiet);
			const [held, beside] = [b.runtime.get(web), b.runtime.get(other)];
			expect(held?.firstId).toBeGreaterThanOrEqual(0x70000000);
			expect(held?.firstId).not.toBe(beside?.firstId);
			const status = readFileSync(`/proc/${held?.pid}/status`, "utf8");
			expect(status).toMatch(new RegExp(`^Uid:\\t${(held?.firstId ?? 0) + 1000}\\t`, "m"));
			expect(await asRoot(b, "stat -c %u:%g:%a /tmp/mine; stat -c %u /dev /bin/busybox")).toBe("1000:1001:600\n0\n0");
			const [path] = [b.runtime.checkpoints?.files(web).upperDirectory ?? ""];
			expect(statSync(`${path}/tmp/mine`).uid).toBe(1000);
		},
	);

	it("keeps what it may do: capabilities, limits, read-only root, kernel parameters", async () => {
		const security = {
			...standardSecurity,
			capabilities: { add: ["CAP_NET_ADMIN"], drop: ["CAP_CHOWN"], ambient: [] },
			readOnlyRoot: true,
			rlimits: [{ name: "nofile", soft: 100, hard: 200 }],
			sysctls: { "net.ipv4.ip_default_ttl": "77", "kernel.shmmni": "123" },
			oomScoreAdj: 300,
		};
		await run("while :; do sleep 0.05; done", { address: null, isolation: "strict", security });
		const look =
			"grep Cap /proc/1/status; grep 'open files' /proc/1/limits; cat /proc/sys/net/ipv4/ip_default_ttl; " +
			"cat /proc/sys/kernel/shmmni /proc/1/oom_score_adj; echo x > /tmp/x || echo sealed";
		const before = (await exec(a, "/bin/sh", "-c", look)).text;
		expect(before).toMatch(/\b77\s123\s300\ssealed$/);
		await a.migrations.migrate(web, b.id, quiet);
		expect((await exec(b, "/bin/sh", "-c", look)).text).toBe(before);
	});

	it("says without moving what a move would meet", async () => {
		await run(counter);
		const verdict = await a.migrations.verdict(web, b.id, never);
		expect(verdict.ok).toBe(true);
		expect(verdict.checks.map(({ check }) => check)).toEqual(
			expect.arrayContaining(["architecture", "cpu", "criu", "kernel", "space", "image", "address", "ports"]),
		);
		expect((await a.migrations.verdict(web, a.id, never)).ok).toBe(false);
		expect(a.runtime.get(web)?.phase).toBe("running");
	});
});
