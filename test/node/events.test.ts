import { describe, expect, it } from "vitest";
import type { ContainerId, Digest, Liveness, NodeId, SwarmEvent } from "../../src/model.js";
import type { Seen } from "../../src/node/event-draft.js";
import { EVENTS_KEPT_MAX, EventLog, eventsBetween, quotaEvent } from "../../src/node/events.js";
import {
	claimRecord,
	containerRecord,
	nodeA,
	nodeB,
	nodeRecord,
	specOf,
	specRecord,
	type ViewParts,
	viewOfParts,
} from "../support/records.js";

const DIGEST = `sha256:${"1".repeat(64)}` as Digest;
const seen = (parts: ViewParts, liveness: readonly (readonly [NodeId, Liveness])[] = []) => ({
	view: viewOfParts(parts),
	liveness: new Map(liveness),
});

describe("what happened between two views", () => {
	it("is a node that joined, started again, went down and came back", () => {
		const one = seen({ nodes: [nodeRecord(nodeA)] }, [[nodeA, "alive"]]);
		const two = seen({ nodes: [nodeRecord(nodeA), nodeRecord(nodeB)] }, [
			[nodeA, "alive"],
			[nodeB, "alive"],
		]);
		const three = seen({ nodes: [nodeRecord(nodeA), nodeRecord(nodeB, { incarnation: 2 })] }, [
			[nodeA, "alive"],
			[nodeB, "down"],
		]);
		expect(eventsBetween(one, two)).toMatchObject([{ kind: "node.joined", subject: nodeB }]);
		expect(eventsBetween(two, three).map((event) => event.kind)).toEqual(["node.started", "node.down"]);
		expect(eventsBetween(three, two).map((event) => event.kind)).toEqual(["node.alive"]);
	});

	it("is a move told with both ends", () => {
		const specs = [specRecord("web")];
		const before = seen({ specs, claims: [claimRecord("web.0", nodeA, 1)] });
		const claims = [claimRecord("web.0", nodeB, 2, { reason: "handover", writer: nodeA, move: "m1" })];
		expect(eventsBetween(before, seen({ specs, claims }))).toMatchObject([
			{ kind: "container.handover", subject: "web.0", details: { from: nodeA, to: nodeB, move: "m1" } },
		]);
	});

	it("is an end with its exit code, told once", () => {
		const specs = [specRecord("web")];
		const running = seen({ specs, containers: [containerRecord("web.0", nodeA, 1)] });
		const ended = seen({ specs, containers: [containerRecord("web.0", nodeA, 1, { phase: "stopped", exitCode: 7 })] });
		expect(eventsBetween(running, ended)).toMatchObject([{ kind: "container.stopped", details: { exitCode: 7 } }]);
		expect(eventsBetween(ended, ended)).toEqual([]);
	});

	it("is a restart by the policy, told with its number, and before it when it comes", () => {
		const spec = specOf("web", { restart: { when: "always", attemptsMax: null } });
		const specs = [specRecord("web", { spec })];
		const before = seen({ specs, claims: [claimRecord("web.0", nodeA, 1)], containers: [] });
		const end = { phase: "stopped", exitCode: 1, finishedAtMs: 50, imageDigest: DIGEST } as const;
		const containers = [containerRecord("web.0", nodeA, 1, end)];
		const ended = seen({ specs, claims: [claimRecord("web.0", nodeA, 1)], containers });
		const again = claimRecord("web.0", nodeA, 2, { reason: "restarted", restarts: 1, restartsInRow: 1 });
		expect(eventsBetween(before, ended)).toMatchObject([
			{
				message: "web.0 is stopped on node-a, exit code 1; starts again 1 s after its end",
				details: { nextRestartAtMs: 1_050 },
			},
		]);
		expect(eventsBetween(ended, seen({ specs, claims: [again], containers }))).toMatchObject([
			{
				kind: "container.restarted",
				message: "web.0 started on node-a, restart 1 without being asked",
				details: { restarts: 1 },
			},
		]);
	});

	it("is a change of health with its reason, told once", () => {
		const specs = [specRecord("web")];
		const at = (status: "starting" | "unhealthy") => {
			const health = { status, sinceMs: 9, reason: status === "starting" ? null : "HTTP status 500" };
			return seen({ specs, containers: [containerRecord("web.0", nodeA, 1, { health })] });
		};
		expect(eventsBetween(at("starting"), at("unhealthy"))).toMatchObject([
			{ kind: "container.unhealthy", message: "web.0 is unhealthy on node-a: HTTP status 500" },
		]);
		expect(eventsBetween(at("unhealthy"), at("unhealthy"))).toEqual([]);
	});

	it("is a kill for memory with its numbers, told once for each further kill", () => {
		const specs = [specRecord("web")];
		const oom = { kills: 1, limitBytes: 2 ** 24, usageBytes: 4096, peakBytes: 2 ** 24, timeMs: 5 };
		const process = { name: "tail", pid: 7 };
		const at = (kills: number | null) =>
			seen({
				specs,
				containers: [containerRecord("web.0", nodeA, 1, { oom: kills === null ? null : { ...oom, kills, process } })],
			});
		const told = (from: Seen, to: Seen) =>
			eventsBetween(from, to).filter(({ kind }) => kind === "container.oom-killed");
		expect(told(at(null), at(1))).toMatchObject([
			{
				subject: "web.0",
				message:
					"web.0 on node-a: the kernel killed tail (pid 7) for memory, the limit is 16 MiB, the most in use was 16 MiB; kills so far: 1",
				details: { kills: 1, limitBytes: 2 ** 24, process },
			},
		]);
		expect(told(at(1), at(1))).toEqual([]);
		expect(told(at(1), at(2))).toHaveLength(1);
	});

	it("is an image that came to a node, and one that went", () => {
		const image = { kind: "image", name: "web:2", digest: DIGEST, node: nodeA, sizeBytes: 7 } as const;
		const [without, having] = [seen({ images: [] }), seen({ images: [image] })];
		expect(eventsBetween(without, having)).toMatchObject([
			{ kind: "image.added", subject: "web:2", message: "web:2 is now on node-a", details: { sizeBytes: 7 } },
		]);
		expect(eventsBetween(having, without)).toMatchObject([{ kind: "image.removed", subject: "web:2" }]);
		expect(eventsBetween(having, having)).toEqual([]);
	});

	it("is a volume that came to a node, and a workload that waits for the node that holds its data", () => {
		const volume = { kind: "volume", name: "data", node: nodeA, labels: {}, createdAtMs: 1 } as const;
		const mount = { kind: "volume", name: "data", target: "/data", readOnly: false } as const;
		const record = specRecord("web");
		const of = (policy: "exclusive" | "available") => {
			const spec = { ...record.spec, volumes: [mount], policy };
			return {
				specs: [{ ...record, spec }],
				claims: [claimRecord("web.0" as ContainerId, nodeA, 1)],
				volumes: [volume],
			};
		};
		const told = eventsBetween(seen({ ...of("exclusive"), volumes: [] }), seen(of("exclusive")));
		expect(told).toMatchObject([{ kind: "volume.added", message: "the volume data is now on node-a" }]);
		const down = (policy: "exclusive" | "available") => {
			const after = { ...seen(of(policy)), liveness: new Map([[nodeA, "down" as const]]) };
			return eventsBetween(seen(of(policy)), after).filter(({ kind }) => kind === "container.waiting");
		};
		expect(down("exclusive")).toMatchObject([{ subject: "web.0", details: { volumes: ["data"] } }]);
		expect(down("exclusive")[0]?.message).toContain("waits for node-a, which alone holds data");
		expect(down("available")).toEqual([]);
	});

	it("is a change of a CPU quota with before, after and for whom", () => {
		const [web, job] = ["web.0", "job.0"] as ContainerId[];
		const change = { container: job as ContainerId, mode: "batch", cpus: 1, before: 50, after: 25 } as const;
		const squeezed = quotaEvent({ ...change, squeezedFor: web as ContainerId, waitUsPerSecond: 2_500 }, nodeA, 7);
		expect(squeezed).toMatchObject({
			kind: "container.cpu-quota",
			subject: "job.0",
			message: "job.0: CPU quota 50 % → 25 %, mode batch: web.0 waits 2.5 ms of each second for a CPU",
			details: { before: 50, after: 25, squeezedFor: "web.0" },
		});
		const grown = quotaEvent({ ...change, squeezedFor: null, waitUsPerSecond: 0 }, nodeA, 7);
		expect(grown.message).toContain("it wants more and nobody else waits");
	});

	it("is a lost concurrent revision", () => {
		const before = seen({ specs: [specRecord("web", { writer: nodeA })] });
		const after = seen({ specs: [specRecord("web", { writer: nodeB })] });
		expect(eventsBetween(before, after)).toMatchObject([{ kind: "workload.conflict", subject: "web" }]);
	});
});

describe("the event log", () => {
	const event = (number: number): SwarmEvent => ({
		timeMs: number,
		node: nodeA,
		kind: "test",
		subject: "x",
		message: "",
		details: {},
	});

	it("gives the last ones, then follows until it is told to end", async () => {
		const log = new EventLog();
		for (let number = 1; number <= 3; number++) log.add(event(number));
		const abort = new AbortController();
		const got: number[] = [];
		for await (const { timeMs } of log.read(2, true, abort.signal)) {
			got.push(timeMs);
			if (timeMs === 3) log.add(event(4));
			if (timeMs === 4) abort.abort();
		}
		expect(got).toEqual([2, 3, 4]);
	});

	it("keeps a bounded number", async () => {
		const log = new EventLog();
		for (let number = 0; number < EVENTS_KEPT_MAX + 5; number++) log.add(event(number));
		const got: number[] = [];
		for await (const { timeMs } of log.read(null, false, new AbortController().signal)) got.push(timeMs);
		expect(got).toHaveLength(EVENTS_KEPT_MAX);
		expect(got[0]).toBe(5);
	});
});
