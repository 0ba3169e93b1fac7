import { describe, expect, it } from "vitest";
import type { ClusterView } from "../../src/crdt/state.js";
import {
	type ClaimRecord,
	type ContainerId,
	type ContainerRecord,
	type Liveness,
	type NodeId,
	type NodeRecord,
	type SpecRecord,
	type VolumeRecord,
	wholeSpec,
} from "../../src/model.js";
import { ADOPT_AFTER_MS, type PlanFacts, plan, responsibleNode, SETTLE_MS } from "../../src/node/plan.js";
import type { ContainerState } from "../../src/runtime/runtime.js";

const a = "node-a" as NodeId;
const b = "node-b" as NodeId;
const c = "node-c" as NodeId;
const web0 = "web.0" as ContainerId;

const spec = wholeSpec({
	name: "web",
	image: "host",
	command: ["sleep", "1"],
	env: {},
	workdir: null,
	user: null,
	resources: { cpus: null, memoryBytes: null, pids: null },
	labels: {},
	constraints: [],
	ports: [],
	replicas: 1,
	network: "bridge",
	stopGraceMs: 5_000,
});

function specRecord(change: Partial<SpecRecord> = {}): SpecRecord {
	const time = { ms: 1_000, logical: 0 };
	return {
		kind: "spec",
		name: "web",
		revision: change.revision ?? 1,
		startRevision: change.revision ?? 1,
		time,
		writer: a,
		spec,
		desired: "running",
		removed: false,
		...change,
	};
}

function claim(owner: NodeId, epoch: number, change: Partial<ClaimRecord> = {}): ClaimRecord {
	const time = { ms: 1_000, logical: 0 };
	return {
		kind: "claim",
		container: web0,
		epoch,
		owner,
		writer: owner,
		workload: "web",
		revision: 1,
		reason: "placed",
		move: null,
		restarts: 0,
		restartsInRow: 0,
		time,
		...change,
	};
}

function held(epoch: number, phase: ContainerState["phase"], move: string | null = null): ContainerState {
	return {
		container: web0,
		epoch,
		revision: 1,
		phase,
		spec,
		imageName: "host",
		imageDigest: "sha256:0" as ContainerState["imageDigest"],
		pid: null,
		address: null,
		exitCode: null,
		firstId: null,
		oomKilled: false,
		oom: null,
		createdAtMs: 0,
		startedAtMs: 0,
		finishedAtMs: null,
		error: null,
		move,
	};
}

function fact(node: NodeId, epoch: number, phase: ContainerRecord["phase"]): ContainerRecord {
	return {
		kind: "container",
		container: web0,
		node,
		epoch,
		revision: 1,
		phase,
		exitCode: null,
		address: null,
		imageDigest: null,
		createdAtMs: 0,
		startedAtMs: phase === "restoring" ? null : 1,
		finishedAtMs: null,
		error: null,
		health: null,
	};
}

interface Scene {
	readonly self?: NodeId;
	readonly specs?: readonly SpecRecord[];
	readonly claims?: readonly ClaimRecord[];
	readonly records?: readonly ContainerRecord[];
	readonly states?: readonly ContainerState[];
	readonly down?: readonly NodeId[];
	readonly volumes?: readonly VolumeRecord[];
	readonly change?: Partial<PlanFacts>;
}

function facts(scene: Scene): PlanFacts {
	const node = (id: NodeId) => ({ kind: "node", node: id, name: id, left: false }) as unknown as NodeRecord;
	const view: ClusterView = {
		nodes: new Map([a, b, c].map((id) => [id, node(id)])),
		specs: new Map((scene.specs ?? [specRecord()]).map((record) => [record.name, record])),
		claims: new Map((scene.claims ?? []).map((record) => [record.container, record])),
		containers: new Map(scene.records === undefined ? [] : [[web0, scene.records]]),
		images: [],
		volumes: scene.volumes ?? [],
		tokens: new Map(),
		admissions: new Map(),
		electorates: new Map(),
		revocations: new Map(),
		capabilities: new Map(),
		audits: [],
	};
	const down = scene.down ?? [];
	return {
		self: scene.self ?? a,
		view,
		states: new Map((scene.states ?? []).map((state) => [state.container, state])),
		liveness: (id): Liveness => (down.includes(id) ? "down" : "alive"),
		downForMs: (id) => (down.includes(id) ? ADOPT_AFTER_MS : 0),
		health: () => null,
		moving: new Set(),
		backingOff: new Set(),
		leases: { holds: () => true, outbidAbove: () => null, isMajorityAlive: true },
		settled: true,
		nowMs: 100_000,
		...scene.change,
	};
}

const kinds = (scene: Scene) => plan(facts(scene)).map((effect) => effect.kind);

describe("the owner", () => {
	it("places a container anew that runs the losing one of two specs of the same revision", () => {
		const other = specRecord({ spec: { ...spec, command: ["sleep", "2"] } });
		const scene = { claims: [claim(a, 1)], states: [held(1, "running")] };
		expect(plan(facts({ ...scene, specs: [other] }))).toMatchObject([
			{ kind: "place", container: web0, epoch: 2, spec: other, reason: "placed" },
		]);
		const later = specRecord({ spec: { ...spec, command: ["sleep", "2"] }, revision: 2 });
		expect(plan(facts({ ...scene, specs: [later] }))).toMatchObject([{ kind: "claim", reason: "restarted" }]);
	});

	it("lets what runs go on when a later revision asks for no fresh start", () => {
		const specs = [specRecord({ revision: 5, startRevision: 1 })];
		expect(kinds({ specs, claims: [claim(a, 1)], states: [held(1, "running")] })).toEqual([]);
	});

	it("starts again by the restart policy what ended, when the back-off is over, and counts", () => {
		const specs = [specRecord({ spec: { ...spec, restart: { when: "always", attemptsMax: null } } })];
		const ended = { ...held(1, "stopped"), spec: specs[0]?.spec ?? spec, exitCode: 0, startedAtMs: 90_000 };
		const at = (finishedAtMs: number) => ({
			...{ specs, claims: [claim(a, 1, { restarts: 4, restartsInRow: 1 })] },
			states: [{ ...ended, finishedAtMs }],
		});
		expect(kinds(at(98_001))).toEqual([]);
		const again = { kind: "claim", epoch: 2, reason: "restarted", restarts: 5, restartsInRow: 2 };
		expect(plan(facts(at(98_000)))).toMatchObject([again]);
		expect(kinds({ ...at(98_000), change: { settled: false } })).toEqual([]);
	});

	it("changes the limits of what runs, and starts nothing again", () => {
		const resources = { cpus: 1, memoryBytes: null, pids: null };
		const specs = [specRecord({ revision: 2, startRevision: 1, spec: { ...specRecord().spec, resources } })];
		const owned = { claims: [claim(a, 1)] };
		expect(plan(facts({ ...owned, specs, states: [held(1, "running")] }))).toEqual([
			{ kind: "update", container: web0, epoch: 1, spec: specs[0] },
		]);
		expect(kinds({ ...owned, specs, states: [held(1, "stopped")] })).toEqual(["update"]);
		const updated = { ...held(1, "running"), revision: 2, spec: { ...held(1, "running").spec, resources } };
		expect(kinds({ ...owned, specs, states: [updated] })).toEqual([]);
		// The owner has it already, the revision is on its way.
		expect(kinds({ ...owned, states: [updated] })).toEqual([]);
	});

	it("freezes what is to be paused, once, and lets it go on when it is resumed", () => {
		const paused = [specRecord({ desired: "paused", revision: 2, startRevision: 1 })];
		const owned = { claims: [claim(a, 1)] };
		expect(plan(facts({ ...owned, specs: paused, states: [held(1, "running")] }))).toEqual([
			{ kind: "pause", container: web0, epoch: 1 },
		]);
		expect(kinds({ ...owned, specs: paused, states: [held(1, "paused")] })).toEqual([]);
		expect(plan(facts({ ...owned, states: [held(1, "paused")] }))).toEqual([
			{ kind: "resume", container: web0, epoch: 1 },
		]);
	});

	it("freezes also what a later claim was to replace, and replaces it when it is resumed", () => {
		const paused = [specRecord({ desired: "paused", revision: 2, startRevision: 1 })];
		const scene = { claims: [claim(a, 4)], states: [held(3, "running")] };
		expect(plan(facts({ ...scene, specs: paused }))).toEqual([{ kind: "pause", container: web0, epoch: 3 }]);
		expect(kinds({ ...scene, states: [held(3, "paused")] })).toEqual(["run"]);
	});

	it("starts nothing that is to be paused: neither what ended nor what another node lost", () => {
		const specs = [specRecord({ desired: "paused", revision: 2, startRevision: 1 })];
		expect(kinds({ specs })).toEqual([]);
		expect(kinds({ specs, claims: [claim(a, 1)] })).toEqual([]);
		expect(kinds({ specs, claims: [claim(a, 1)], states: [{ ...held(1, "failed"), error: "lost" }] })).toEqual([]);
		for (const self of [b, c]) expect(kinds({ self, specs, claims: [claim(a, 1)], down: [a] })).toEqual([]);
	});

	it("keeps to a stop whatever the restart policy says", () => {
		const wish = { desired: "stopped", revision: 2, startRevision: 1 } as const;
		const specs = [specRecord({ ...wish, spec: { ...spec, restart: { when: "always", attemptsMax: null } } })];
		expect(kinds({ specs, claims: [claim(a, 1)], states: [{ ...held(1, "stopped"), exitCode: 143 }] })).toEqual([]);
	});

	it("starts a container again that ended with its machine, not one that ended by itself", () => {
		const lost = { ...held(1, "failed"), error: "the machine restarted while it ran" };
		const scene = { claims: [claim(a, 1)], states: [lost] };
		expect(plan(facts(scene))).toMatchObject([{ kind: "claim", epoch: 2, reason: "restarted" }]);
		expect(plan(facts({ ...scene, change: { settled: false } }))).toEqual([]);
		expect(plan(facts({ ...scene, states: [{ ...lost, exitCode: 1 }] }))).toEqual([]);
	});

	it("starts a container again that a crash kept from starting at all, not one that cannot be started", () => {
		const lost = { ...held(1, "failed"), startedAtMs: null, error: "its monitor ended without an exit record" };
		const scene = { claims: [claim(a, 1)], states: [lost] };
		expect(plan(facts(scene))).toMatchObject([{ kind: "claim", epoch: 2, reason: "restarted" }]);
		expect(plan(facts({ ...scene, states: [{ ...lost, exitCode: 127 }] }))).toEqual([]);
		expect(plan(facts({ ...scene, change: { backingOff: new Set([web0]) } }))).toEqual([]);
	});

	it("runs what it owns and does not have", () => {
		expect(kinds({ claims: [claim(a, 1)] })).toEqual(["run"]);
	});
	it("leaves alone what runs under its claim, and what ended under it", () => {
		expect(kinds({ claims: [claim(a, 1)], states: [held(1, "running")] })).toEqual([]);
		expect(kinds({ claims: [claim(a, 1)], states: [held(1, "stopped")] })).toEqual([]);
	});
	it("finishes a start that a crash cut short", () => {
		expect(kinds({ claims: [claim(a, 1)], states: [held(1, "created")] })).toEqual(["run"]);
	});
	it("stops what is to be stopped, once", () => {
		const specs = [specRecord({ desired: "stopped", revision: 2 })];
		expect(kinds({ specs, claims: [claim(a, 1)], states: [held(1, "running")] })).toEqual(["stop"]);
		expect(kinds({ specs, claims: [claim(a, 1)], states: [held(1, "stopped")] })).toEqual([]);
	});
	it("claims a new epoch to start again after a stop", () => {
		const specs = [specRecord({ revision: 3 })];
		const effects = plan(facts({ specs, claims: [claim(a, 4)], states: [held(4, "stopped")] }));
		expect(effects).toMatchObject([{ kind: "claim", epoch: 5, reason: "restarted" }]);
	});
	it("starts nothing before it heard its peers after a boot", () => {
		expect(kinds({ claims: [claim(a, 1)], change: { settled: false } })).toEqual([]);
	});
	it("is not replaced by a node without its data, unless it is to be available or its node has left", () => {
		const mount = { kind: "volume", name: "data", target: "/data", readOnly: false } as const;
		const record: VolumeRecord = { kind: "volume", name: "data", node: a, labels: {}, createdAtMs: 1 };
		const of = (policy: "exclusive" | "available", volumes: readonly VolumeRecord[] = [record]) => {
			const specs = [specRecord({ spec: { ...spec, volumes: [mount], policy } })];
			const scene = { specs, volumes, claims: [claim(a, 1)], down: [a] };
			return [b, c].filter((self) => kinds({ ...scene, self }).includes("place"));
		};
		expect(of("exclusive")).toEqual([]);
		expect(of("available")).toHaveLength(1);
		expect(of("exclusive", [])).toHaveLength(1);
		expect(of("exclusive", [record, { ...record, node: b }])).toHaveLength(1);
	});

	it("lets an adopting claim settle before the start", () => {
		const adopted = claim(a, 2, { reason: "adopted", time: { ms: 100_000 - SETTLE_MS + 1, logical: 0 } });
		expect(kinds({ claims: [adopted] })).toEqual([]);
		expect(kinds({ claims: [adopted], change: { nowMs: 100_001 } })).toEqual(["run"]);
	});
});

describe("everybody else", () => {
	it("leaves alone what an alive node owns", () => {
		expect(kinds({ self: b, claims: [claim(a, 1)] })).toEqual([]);
	});
	it("gives up a copy when another claim won, by epoch or by rank", () => {
		expect(kinds({ self: b, claims: [claim(a, 2)], states: [held(1, "running")] })).toEqual(["supersede"]);
		expect(kinds({ self: b, claims: [claim(a, 1)], states: [held(1, "running")] })).toEqual(["supersede"]);
	});
	it("removes what a tombstone names, and nothing whose spec is unknown", () => {
		const gone = [specRecord({ removed: true, revision: 2 })];
		expect(kinds({ specs: gone, claims: [claim(a, 1)], states: [held(1, "running")] })).toEqual(["remove"]);
		expect(kinds({ specs: [], states: [held(1, "running")] })).toEqual([]);
	});
	it("touches nothing that a move holds", () => {
		const moving = new Set([web0]);
		expect(kinds({ self: b, claims: [claim(a, 2)], states: [held(1, "checkpointing")], change: { moving } })).toEqual(
			[],
		);
	});
});

describe("a node that is down", () => {
	const adopters = (scene: Scene) =>
		[a, b, c].filter((self) => plan(facts({ ...scene, self })).some((effect) => effect.kind === "place"));

	it("has its container placed again by exactly one of the others", () => {
		expect(adopters({ claims: [claim(a, 1)], down: [a] }).filter((node) => node !== a)).toHaveLength(1);
	});
	it("is not replaced before the grace period is over", () => {
		const downForMs = () => ADOPT_AFTER_MS - 1;
		expect(kinds({ self: b, claims: [claim(a, 1)], down: [a], change: { downForMs } })).toEqual([]);
		expect(kinds({ self: c, claims: [claim(a, 1)], down: [a], change: { downForMs } })).toEqual([]);
	});
	it("keeps what had ended by itself", () => {
		expect(adopters({ claims: [claim(a, 1)], records: [fact(a, 1, "stopped")], down: [a] })).toEqual([]);
	});
	it("has what waits for its next restart placed elsewhere", () => {
		const specs = [specRecord({ spec: { ...spec, restart: { when: "always", attemptsMax: null } } })];
		const records = [{ ...fact(a, 1, "stopped"), exitCode: 1 }];
		expect(adopters({ specs, claims: [claim(a, 1)], records, down: [a] }).filter((node) => node !== a)).toHaveLength(1);
	});
	it("leaves what is to be stopped for a later start", () => {
		const specs = [specRecord({ desired: "stopped", revision: 1 })];
		expect(adopters({ specs, claims: [claim(a, 1)], down: [a] })).toEqual([]);
	});
	it("is excluded from the new placement", () => {
		const scene = { claims: [claim(a, 7)], down: [a] };
		const [adopter] = adopters(scene).filter((node) => node !== a);
		expect(plan(facts({ ...scene, self: adopter as NodeId }))).toMatchObject([
			{ kind: "place", epoch: 8, reason: "adopted", exclude: [a] },
		]);
	});
});

describe("a hand-over", () => {
	const handedOver = claim(b, 2, { reason: "handover", writer: a, move: "m1" });

	it("leaves the source's frozen copy alone while the target is alive", () => {
		expect(kinds({ claims: [handedOver], states: [held(1, "checkpointing", "m1")] })).toEqual([]);
	});
	it("lets the source remove its copy when the target says that it runs", () => {
		const scene = { claims: [handedOver], states: [held(1, "checkpointing", "m1")], records: [fact(b, 2, "running")] };
		expect(kinds(scene)).toEqual(["remove"]);
	});
	it("gives it back to the source, and to no other, when the target died before it ran", () => {
		const scene = { claims: [handedOver], records: [fact(b, 2, "restoring")], down: [b] };
		expect(plan(facts({ ...scene, states: [held(1, "checkpointing", "m1")] }))).toMatchObject([
			{ kind: "claim", epoch: 3, reason: "adopted" },
		]);
		expect(kinds({ ...scene, self: c })).toEqual([]);
	});
	it("is an ordinary loss once the target had run", () => {
		const scene = { claims: [handedOver], records: [fact(b, 2, "running")], down: [b] };
		const adopters = [a, c].filter((self) => kinds({ ...scene, self }).includes("place"));
		expect(adopters).toHaveLength(1);
	});
});

describe("an unclaimed container", () => {
	it("is placed by the writer of its spec", () => {
		expect(kinds({ self: a })).toEqual(["place"]);
		expect(kinds({ self: b })).toEqual([]);
	});
	it("is placed by the node that hashing names when the writer is down", () => {
		const named = responsibleNode(facts({ self: b, down: [a] }), web0);
		expect([b, c].filter((self) => kinds({ self, down: [a] }).includes("place"))).toEqual([named]);
	});
});

describe("an exclusive workload", () => {
	const exclusive = specRecord({ spec: { ...spec, policy: "exclusive" } });
	const leases = (change: Partial<PlanFacts["leases"]> = {}) => ({
		leases: { holds: () => false, outbidAbove: () => null, isMajorityAlive: true, ...change },
	});
	const scene = { specs: [exclusive], claims: [claim(a, 1)] };

	it("neither starts nor goes on without its lease", () => {
		expect(kinds({ ...scene, change: leases() })).toEqual([]);
		expect(kinds({ ...scene, states: [held(1, "paused")], change: leases() })).toEqual([]);
		expect(kinds({ ...scene, change: leases({ holds: () => true }) })).toEqual(["run"]);
		const states = [{ ...held(1, "paused"), spec: exclusive.spec }];
		expect(kinds({ ...scene, states, change: leases({ holds: () => true }) })).toEqual(["resume"]);
	});

	it("is claimed above an epoch that voters promised to somebody who is gone, and goes on where it stood still", () => {
		const effects = plan(facts({ ...scene, states: [held(1, "paused")], change: leases({ outbidAbove: () => 4 }) }));
		expect(effects).toMatchObject([{ kind: "claim", container: web0, epoch: 5, reason: "adopted" }]);
		const claims = [claim(a, 5, { reason: "adopted" })];
		const change = leases({ holds: () => true });
		expect(plan(facts({ specs: [exclusive], claims, states: [held(1, "paused")], change }))).toMatchObject([
			{ kind: "resume", epoch: 5 },
		]);
	});

	it("is not adopted where no majority is alive", () => {
		const lost = { specs: [exclusive], claims: [claim(c, 1)], down: [c] };
		const adopters = (isMajorityAlive: boolean) =>
			[a, b].flatMap((self) => kinds({ ...lost, self, change: leases({ isMajorityAlive }) }));
		expect(adopters(false)).toEqual([]);
		expect(adopters(true)).toEqual(["place"]);
	});

	it("is stopped and paused without a lease", () => {
		const stopped = specRecord({ spec: exclusive.spec, desired: "stopped" });
		expect(kinds({ ...scene, specs: [stopped], states: [held(1, "paused")], change: leases() })).toEqual(["stop"]);
	});
});
