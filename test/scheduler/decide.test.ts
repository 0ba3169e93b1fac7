import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { schedule } from "../../src/scheduler/decide.js";
import type { NodeSnapshot } from "../../src/scheduler/schedule.js";
import { GIB, hardware, node, request, sample } from "./snapshots.js";

const n1 = node("n1");

function winnerOf(nodes: readonly NodeSnapshot[], given = {}): string | null {
	const decision = schedule(nodes, request(given));
	return decision.rows.find((row) => row.node === decision.node)?.name ?? null;
}

describe("schedule, filters", () => {
	const gpu = { address: "0000:01:00.0", vendor: "nvidia", numaNode: 0, driver: "nvidia" } as const;

	it.each([
		["a witness", { role: "witness" }, {}, "role", "it is a witness, which votes and runs nothing"],
		["a reader", { role: "reader" }, {}, "role", "it is a reader, which runs nothing"],
		["a node that is down", { liveness: "down" }, {}, "liveness", "it is down"],
		["a node that left", { liveness: "left" }, {}, "liveness", "it left the cluster"],
		[
			"too few CPUs",
			{ requested: { cpus: 3, memoryBytes: 0 } },
			{ resources: { cpus: 2 } },
			"cpus",
			"it has 1 CPU of 4 not promised, 2 CPUs wanted",
		],
		[
			"a kernel without the limit",
			{ limits: ["cpu", "memory", "pids"] },
			{ resources: { cpusetCpus: "0", memoryHigh: "16M" } },
			"limits",
			"its kernel cannot limit memory.high, cpuset, see `swarm doctor` there",
		],
		[
			"too little memory",
			{ requested: { cpus: 0, memoryBytes: 7 * GIB } },
			{ resources: { memory: "1G" } },
			"memory",
			"it has 614 MiB of 7.6 GiB memory not promised, 1 GiB wanted",
		],
		[
			"a taken port",
			{ portsTaken: ["tcp/8080"] },
			{ ports: ["8080:80"] },
			"ports",
			"port tcp/8080 is already published there",
		],
		["a missing label", {}, { constraints: ["disk=ssd"] }, "constraints", "it has no label disk, disk=ssd wanted"],
		[
			"another label value",
			{ labels: { disk: "hdd" } },
			{ constraints: ["disk=ssd"] },
			"constraints",
			"its label disk is hdd, disk=ssd wanted",
		],
		[
			"a label that must not be",
			{ labels: { zone: "b" } },
			{ constraints: ["zone!=b"] },
			"constraints",
			"its label zone is b, zone!=b wanted",
		],
		[
			"another node's name",
			{ labels: { node: "n2" } },
			{ constraints: ["node=n2"] },
			"constraints",
			"its label node is n1, node=n2 wanted",
		],
		[
			"another architecture",
			{},
			{ constraints: ["arch=arm64"] },
			"constraints",
			"its label arch is x86_64, arch=arm64 wanted",
		],
		["no GPU", {}, { constraints: ["gpu"] }, "constraints", "it has no label gpu, gpu wanted"],
		[
			"an image that nobody has",
			{ image: { present: false, missingBytes: null } },
			{ image: "redis:7" },
			"image",
			"it lacks the image redis:7 and no node that is alive has it",
		],
	] as const)("refuses %s and says so with the figures", (_, change, given, filter, reason) => {
		const decision = schedule([node("n1", change as Partial<NodeSnapshot>)], request(given));
		expect(decision.node).toBeNull();
		expect(decision.rows[0]).toMatchObject({ score: null, refusals: [{ filter, reason }] });
		expect(decision.rows[0]?.reason).toBe(`n1 was refused: ${reason}.`);
	});

	it("refuses an excluded node", () => {
		const decision = schedule([n1], request({}, [n1.node]));
		expect(decision.rows[0]?.refusals).toMatchObject([{ filter: "excluded" }]);
	});

	it("goes where its volumes are, and says where that is", () => {
		const volumes = (here: boolean) => [{ name: "data", here, elsewhere: here ? [] : ["n2"] }];
		const nodes = [node("n1", { volumes: volumes(false) }), node("n2", { volumes: volumes(true) })];
		const decision = schedule(nodes, request({ volumes: ["data:/data"] }));
		expect(decision.node).toBe("id-n2");
		expect(decision.rows[0]?.factors.at(-1)).toMatchObject({ name: "volumes", raw: "data is here", score: 1 });
		expect(decision.rows[1]?.reason).toBe("n1 was refused: the volume data is on n2.");
		const fresh = [{ name: "data", here: false, elsewhere: [] }];
		expect(schedule([node("n1", { volumes: fresh })], request()).rows[0]?.factors.at(-1)?.raw).toBe(
			"data is made here",
		);
	});

	it("names every filter that refuses, not only the first", () => {
		const decision = schedule([node("n1", { liveness: "down", portsTaken: ["tcp/80"] })], request({ ports: ["80"] }));
		expect(decision.rows[0]?.refusals.map((refusal) => refusal.filter)).toEqual(["liveness", "ports"]);
	});

	it("accepts built-in labels under the names that people use", () => {
		const machine = node("n1", { hardware: { ...hardware, gpus: [gpu] } });
		expect(winnerOf([machine], { constraints: ["arch=amd64", "gpu=nvidia", "node=n1", "zone!=b"] })).toBe("n1");
	});

	it("fills a node up to the last promised byte and CPU, whatever is really used", () => {
		const full = node("n1", { requested: { cpus: 2, memoryBytes: 0 }, sample: { ...sample, load1: 0 } });
		expect(winnerOf([full], { resources: { cpus: 2 } })).toBe("n1");
		expect(winnerOf([full], { resources: { cpus: 2.01 } })).toBeNull();
	});

	it("places a workload that asks for nothing on a node that promised everything", () => {
		expect(winnerOf([node("n1", { requested: { cpus: 4, memoryBytes: 8 * GIB } })])).toBe("n1");
	});

	it("has no winner without nodes", () => {
		expect(schedule([], request())).toEqual({ node: null, rows: [] });
	});
});

describe("schedule, scores", () => {
	const hot = { ...sample, temperatureCelsius: 98, thermalHeadroomCelsius: 2 };
	const blind = { ...sample, temperatureCelsius: null, thermalHeadroomCelsius: null };

	it.each([
		["the cooler node", node("bad", { sample: hot })],
		["the node with less load", node("bad", { sample: { ...sample, load1: 6 } })],
		["the node without memory pressure", node("bad", { sample: { ...sample, memoryPressure: 60 } })],
		["the node with more memory available", node("bad", { sample: { ...sample, memoryBytesAvailable: GIB } })],
		["the node with fewer promises", node("bad", { requested: { cpus: 3, memoryBytes: 4 * GIB } })],
		["the node without a sibling", node("bad", { siblings: 1 })],
		["the node that has the image", node("bad", { image: { present: false, missingBytes: 500 * 1024 ** 2 } })],
		["a known cool node over one without a sensor", node("bad", { sample: blind })],
		["a node that reports over one that never did", node("bad", { sample: null })],
	])("prefers %s", (_, bad) => {
		expect(winnerOf([bad, node("good")])).toBe("good");
	});

	it("prefers an unknown temperature to one near its limit, and calls it unknown", () => {
		const decision = schedule([node("hot", { sample: hot }), node("blind", { sample: blind })], request());
		expect(decision.rows.map((row) => row.name)).toEqual(["blind", "hot"]);
		const factor = decision.rows[0]?.factors.find((each) => each.name === "thermal");
		expect(factor).toMatchObject({ raw: "unknown (no sensor)", score: 0.5 });
	});

	it("prefers a machine where the request fits one NUMA node", () => {
		const half = { memoryBytes: 4 * GIB, distances: [10, 21] };
		const numa = [
			{ id: 0, cpus: [0, 1], ...half },
			{ id: 1, cpus: [2, 3], ...half, distances: [21, 10] },
		];
		const split = node("split", { hardware: { ...hardware, numa } });
		const decision = schedule([split, node("whole")], request({ resources: { cpus: 3 } }));
		expect(decision.rows[0]?.name).toBe("whole");
		expect(decision.rows[1]?.factors.find((factor) => factor.name === "numa")?.raw).toBe(
			"fits none of 2 NUMA nodes, the next is at distance 21",
		);
	});

	it("tells the winner and the losers why, with both readings", () => {
		const decision = schedule([node("n2", { sample: hot, siblings: 1 }), n1], request());
		expect(decision.rows.map((row) => row.reason)).toEqual([
			"n1 won with 0.992 before n2 with 0.775: thermal is 40 °C of 100 on n1, 98 °C of 100 on n2; spread is no other replica here on n1, 1 other replica here on n2.",
			"n2 lost to n1 with 0.775 against 0.992: thermal is 40 °C of 100 on n1, 98 °C of 100 on n2; spread is no other replica here on n1, 1 other replica here on n2.",
		]);
	});

	it("says when there was no choice, and when it was a tie", () => {
		expect(schedule([n1], request()).rows[0]?.reason).toBe("n1 won: it is the only node that may run it.");
		const [first, second] = schedule([n1, node("n2")], request()).rows;
		expect(first?.reason).toBe(`${first?.name} won a tie with ${second?.name} by its hash.`);
		expect(second?.reason).toBe(`${second?.name} lost a tie with ${first?.name} by its hash.`);
	});

	it("shares equal workloads among equal nodes", () => {
		const nodes = [n1, node("n2"), node("n3")];
		const wins = new Map<string | null, number>();
		for (let index = 0; index < 300; index++) {
			const name = winnerOf(nodes, { name: `w${index}` });
			wins.set(name, (wins.get(name) ?? 0) + 1);
		}
		for (const count of wins.values()) expect(count).toBeGreaterThan(60);
		expect(wins.size).toBe(3);
	});
});

describe("schedule, properties", () => {
	const anyNode = (index: number) =>
		fc
			.record({
				liveness: fc.constantFrom("alive" as const, "alive" as const, "suspect" as const, "down" as const),
				heat: fc.option(fc.integer({ min: -5, max: 80 }), { nil: null }),
				load1: fc.integer({ min: 0, max: 12 }),
				promised: fc.integer({ min: 0, max: 4 }),
				siblings: fc.integer({ min: 0, max: 2 }),
				present: fc.boolean(),
				silent: fc.boolean(),
			})
			.map((drawn) =>
				node(`n${index}`, {
					liveness: drawn.liveness,
					requested: { cpus: drawn.promised, memoryBytes: drawn.promised * GIB },
					siblings: drawn.siblings,
					image: { present: drawn.present, missingBytes: 100 * 1024 ** 2 },
					sample: drawn.silent
						? null
						: {
								...sample,
								load1: drawn.load1,
								temperatureCelsius: drawn.heat === null ? null : 90 - drawn.heat,
								thermalHeadroomCelsius: drawn.heat,
							},
				}),
			);
	const anyNodes = fc
		.integer({ min: 1, max: 8 })
		.chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => anyNode(index))));

	it("does not depend on the order of the nodes", () => {
		fc.assert(
			fc.property(
				anyNodes.chain((nodes) =>
					fc.tuple(fc.constant(nodes), fc.shuffledSubarray(nodes, { minLength: nodes.length })),
				),
				([nodes, shuffled]) => {
					const wanted = request({ resources: { cpus: 1, memory: "1G" } });
					expect(schedule(shuffled, wanted)).toEqual(schedule(nodes, wanted));
				},
			),
		);
	});

	it("never chooses a refused node, and chooses one whenever one is feasible", () => {
		fc.assert(
			fc.property(anyNodes, (nodes) => {
				const decision = schedule(nodes, request({ resources: { cpus: 1, memory: "1G" } }));
				const feasible = decision.rows.filter((row) => row.refusals.length === 0);
				expect(decision.rows).toHaveLength(nodes.length);
				expect(decision.node).toBe(feasible[0]?.node ?? null);
				for (const row of feasible) {
					expect(row.score).toBeGreaterThanOrEqual(0);
					expect(row.score).toBeLessThanOrEqual(1);
				}
			}),
		);
	});

	it("keeps the winner when a node that lost goes away", () => {
		fc.assert(
			fc.property(anyNodes, (nodes) => {
				const wanted = request({ resources: { cpus: 1 } });
				const decision = schedule(nodes, wanted);
				const last = decision.rows.at(-1);
				fc.pre(last !== undefined && last.node !== decision.node);
				const fewer = nodes.filter((each) => each.node !== last.node);
				expect(schedule(fewer, wanted).node).toBe(decision.node);
			}),
		);
	});
});
