import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/clock.js";
import { silentLogger } from "../../src/log.js";
import { createIdentity } from "../../src/mesh/identity.js";
import { Membership } from "../../src/mesh/membership.js";
import type { FramePlane, Mesh, PeerEvent } from "../../src/mesh/mesh.js";
import type { NodeId, NodeSample } from "../../src/model.js";

/** Time that only moves when told to; each node can be stalled on its own. */
class VirtualTime {
	nowMs = 1_000;
	#timers: { atMs: number; node: string; run: () => void }[] = [];
	readonly stalled = new Set<string>();

	clockOf(node: string): Clock {
		return {
			nowMs: () => this.nowMs,
			monotonicMs: () => this.nowMs,
			after: (delayMs, run) => {
				const timer = { atMs: this.nowMs + delayMs, node, run };
				this.#timers.push(timer);
				return () => {
					this.#timers = this.#timers.filter((other) => other !== timer);
				};
			},
			sleep: () => Promise.reject(new Error("not used here")),
		};
	}

	later(delayMs: number, node: string, run: () => void): void {
		this.#timers.push({ atMs: this.nowMs + delayMs, node, run });
	}

	/** Runs what is due, in order; what belongs to a stalled node waits. */
	pass(ms: number): void {
		const endMs = this.nowMs + ms;
		for (;;) {
			const due = this.#timers
				.filter((timer) => timer.atMs <= endMs && !this.stalled.has(timer.node))
				.sort((one, other) => one.atMs - other.atMs)[0];
			if (due === undefined) break;
			this.#timers = this.#timers.filter((timer) => timer !== due);
			this.nowMs = Math.max(this.nowMs, due.atMs);
			due.run();
		}
		this.nowMs = endMs;
	}
}

/** Heartbeats between nodes, 5 ms each way; links can be cut. */
class HeartbeatNetwork {
	readonly time = new VirtualTime();
	readonly nodes: { id: NodeId; membership: Membership; deliver: (from: NodeId, frame: Uint8Array) => void }[] = [];
	readonly #cut = new Set<string>();

	constructor(count: number) {
		const ids = Array.from({ length: count }, () => createIdentity().node);
		for (const id of ids) this.start(id, 1);
		for (const { membership } of this.nodes) membership.watch(ids);
	}

	start(id: NodeId, incarnation: number): Membership {
		let listener: (from: NodeId, frame: Uint8Array) => void = () => {};
		const send = (to: NodeId, frame: Uint8Array) => {
			if (this.#cut.has(`${id} ${to}`)) return;
			this.time.later(5, to, () => this.nodes.find((node) => node.id === to)?.deliver(id, frame));
		};
		const others = () => this.nodes.map((node) => node.id).filter((other) => other !== id);
		const mesh: Mesh = {
			...unused,
			self: id,
			broadcast: (_: FramePlane, frame: Uint8Array) => others().forEach((to) => void send(to, frame)),
			send: (to, _, frame) => send(to, frame),
			onFrame: (_, given) => {
				listener = given;
				return () => {
					listener = () => {};
				};
			},
		};
		const clock = this.time.clockOf(id);
		const membership = new Membership({ mesh, clock, logger: silentLogger, incarnation, sample: () => sample });
		const node = { id, membership, deliver: (from: NodeId, frame: Uint8Array) => listener(from, frame) };
		const index = this.nodes.findIndex((known) => known.id === id);
		if (index < 0) this.nodes.push(node);
		else this.nodes[index] = node;
		membership.start();
		return membership;
	}

	cut(one: number, other: number): void {
		const [a, b] = [this.id(one), this.id(other)];
		this.#cut.add(`${a} ${b}`).add(`${b} ${a}`);
	}

	heal(): void {
		this.#cut.clear();
	}

	id(index: number): NodeId {
		return this.nodes[index]?.id as NodeId;
	}

	/** What every node says of every node, one row a node. */
	table(): string[][] {
		return this.nodes.map(({ membership }) => this.nodes.map(({ id }) => membership.liveness(id)));
	}
}

const sample: NodeSample = {
	takenAtMs: 1,
	load1: 0.5,
	load5: 0.25,
	memoryBytesAvailable: 2 ** 33,
	cpuPressure: 1.5,
	memoryPressure: null,
	ioPressure: 0,
	temperatureCelsius: null,
	thermalHeadroomCelsius: null,
	diskBytesFree: 2 ** 40,
};

const unused: Omit<Mesh, "self" | "broadcast" | "send" | "onFrame"> = {
	addresses: () => [],
	peers: () => [],
	onPeer: (_: (event: PeerEvent) => void) => () => {},
	handle: () => {},
	roleOf: () => "member",
	open: () => Promise.reject(new Error("not used here")),
	complain: () => {},
	keepConnected: () => {},
	stop: () => Promise.resolve(),
};

const all = (count: number, liveness: string) => Array(count).fill(Array(count).fill(liveness));

describe("membership", () => {
	test("sees everybody alive, with samples, round trips and recent news", async () => {
		const network = new HeartbeatNetwork(3);
		network.time.pass(1_500);
		await Promise.resolve();
		await new Promise(setImmediate);
		network.time.pass(3_000);
		expect(network.table()).toEqual(all(3, "alive"));
		const [one] = network.nodes;
		expect(one?.membership.sample(network.id(1))).toEqual(sample);
		expect(one?.membership.sample(one.id)).toEqual(sample);
		expect(one?.membership.rttMs(network.id(1))).toBeCloseTo(10, 0);
		expect(one?.membership.lastHeardMs(network.id(1))).toBeLessThanOrEqual(1_000);
		expect(one?.membership.liveness("12D3KooWUnknown" as NodeId)).toBe("down");
	});

	test("sees everybody alive on every node when a single link is cut and a third node sees both", () => {
		const network = new HeartbeatNetwork(3);
		network.time.pass(5_000);
		network.cut(0, 1);
		for (let second = 0; second < 60; second++) {
			network.time.pass(1_000);
			expect(network.table()).toEqual(all(3, "alive"));
		}
	});

	test("says suspect after about 3 s and down after about 7 s of a stopped node, on every other node", () => {
		const network = new HeartbeatNetwork(4);
		network.time.pass(20_000);
		network.nodes[3]?.membership.stop({ leaving: false });
		network.time.pass(2_500);
		expect(network.table().slice(0, 3)).toEqual(Array(3).fill(["alive", "alive", "alive", "alive"]));
		network.time.pass(2_500);
		expect(network.table().slice(0, 3)).toEqual(Array(3).fill(["alive", "alive", "alive", "suspect"]));
		network.time.pass(4_000);
		expect(network.table().slice(0, 3)).toEqual(Array(3).fill(["alive", "alive", "alive", "down"]));
		expect(network.nodes[0]?.membership.sample(network.id(3))).toBeNull();
	});

	test("calls both sides of a split down and everybody alive after it heals", () => {
		const network = new HeartbeatNetwork(4);
		network.time.pass(5_000);
		for (const [one, other] of [
			[0, 2],
			[0, 3],
			[1, 2],
			[1, 3],
		] as const)
			network.cut(one, other);
		network.time.pass(12_000);
		expect(network.table()[0]).toEqual(["alive", "alive", "down", "down"]);
		expect(network.table()[3]).toEqual(["down", "down", "alive", "alive"]);
		network.heal();
		network.time.pass(2_000);
		expect(network.table()).toEqual(all(4, "alive"));
	});

	test("does not blame others for a stall of its own", () => {
		const network = new HeartbeatNetwork(3);
		network.time.pass(10_000);
		const changes: string[] = [];
		network.nodes[0]?.membership.subscribe(({ to }) => void changes.push(to));
		network.time.stalled.add(network.id(0));
		network.time.pass(30_000);
		network.time.stalled.clear();
		network.time.pass(2_000);
		expect(changes).toEqual([]);
		expect(network.table()[0]).toEqual(["alive", "alive", "alive"]);
	});

	test("tells all that a node left, also through others, and takes it back when it starts again", () => {
		const network = new HeartbeatNetwork(3);
		network.time.pass(5_000);
		network.cut(1, 2);
		network.nodes[2]?.membership.stop({ leaving: true });
		network.time.pass(2_000);
		expect(network.table().slice(0, 2)).toEqual(Array(2).fill(["alive", "alive", "left"]));
		network.start(network.id(2), 2).watch(network.nodes.map(({ id }) => id));
		network.time.pass(3_000);
		expect(network.table()).toEqual(all(3, "alive"));
	});

	test("takes back a node that starts again with an incarnation that is not higher", () => {
		const network = new HeartbeatNetwork(3);
		network.time.pass(30_000);
		network.nodes[2]?.membership.stop({ leaving: false });
		network.time.pass(10_000);
		const again = network.start(network.id(2), 1);
		again.watch(network.nodes.map(({ id }) => id));
		network.time.pass(3_000);
		expect(again.incarnation()).toBe(2);
		expect(network.table()).toEqual(all(3, "alive"));
	});

	test("ignores what is no heartbeat", () => {
		const network = new HeartbeatNetwork(2);
		network.nodes[0]?.deliver(network.id(1), Buffer.from("garbage"));
		network.time.pass(3_000);
		expect(network.table()).toEqual(all(2, "alive"));
	});
});
