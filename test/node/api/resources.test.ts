import { describe, expect, it } from "vitest";
import { SwarmError } from "../../../src/errors.js";
import { type ContainerId, containerIdOf, type NodeId, type ResourceRequest } from "../../../src/model.js";
import type { ApiCall } from "../../../src/node/api/message.js";
import { mergedResources, updateWorkload } from "../../../src/node/api/resources.js";
import { specOf, specRecord } from "../../support/records.js";

const resources = { cpus: 1, memoryBytes: 2 ** 20, pids: null, cpusetCpus: "0" };
const spec = specOf("web", { resources });

describe("resources of an update", () => {
	it("keeps what is not given", () => {
		expect(mergedResources(spec, { cpus: 2 })).toEqual({ ...resources, cpus: 2 });
	});

	it("replaces a size given by its short name, and lifts what is null", () => {
		expect(mergedResources(spec, { memory: "2M" })).toEqual({ ...resources, memoryBytes: 2 ** 21 });
		expect(mergedResources(spec, { memoryBytes: 2 ** 22 }).memoryBytes).toBe(2 ** 22);
		expect(mergedResources(spec, { memory: null, cpusetCpus: null })).toEqual({
			cpus: 1,
			memoryBytes: null,
			pids: null,
		});
	});

	it("refuses what no spec may have", () => {
		expect(() => mergedResources(spec, { memory: null, swap: "1M" })).toThrow(/swap is given without memory/);
		expect(() => mergedResources(spec, { colour: 1 })).toThrow(/colour is not a known field/);
		expect(() => mergedResources({ ...spec, network: "none" }, { egress: "1M" })).toThrow(
			/network bridge, or no rates/,
		);
	});
});

describe("an update of a workload", () => {
	const self = "n1" as NodeId;
	const containers = [containerIdOf("web", 0), containerIdOf("web", 1)];

	/** A node that has both replicas; `refuses` is the one whose limits the kernel does not take. */
	function node(refuses: ContainerId | null) {
		const has = new Map<ContainerId, { revision: number; resources: ResourceRequest }>(
			containers.map((container) => [container, { revision: 1, resources }]),
		);
		const revised: ResourceRequest[] = [];
		const update = async (container: ContainerId, _epoch: number, revision: number, wanted: ResourceRequest) => {
			if (container === refuses) throw new SwarmError("refused", `Cannot limit ${container}: it uses more`);
			has.set(container, { revision, resources: wanted });
		};
		const record = specRecord("web", { spec: { ...spec, replicas: 2 } });
		const rows = containers.map((container) => ({ container, owner: self, phase: "running" }));
		const operations = {
			workload: () => record,
			rowsOf: () => rows,
			refuseUnfit: () => {},
			reviseResources: async (_: string, wanted: ResourceRequest) => {
				revised.push(wanted);
				return rows;
			},
		};
		const runtime = { get: () => ({ epoch: 1 }), update };
		const call = {
			body: (async function* () {
				yield Buffer.from(JSON.stringify({ pids: 9 }));
			})(),
		} as unknown as ApiCall;
		const match = { ports: { state: { self }, runtime }, operations, call, name: "web" };
		return { has, revised, answer: () => updateWorkload(match as unknown as Parameters<typeof updateWorkload>[0]) };
	}

	it("reaches every container before the spec is revised", async () => {
		const { has, revised, answer } = node(null);
		expect((await answer()).status).toBe(200);
		const wanted = { ...resources, pids: 9 };
		expect([...has.values()]).toEqual([
			{ revision: 2, resources: wanted },
			{ revision: 2, resources: wanted },
		]);
		expect(revised).toEqual([wanted]);
	});

	it("that one container refuses is taken back from the others, and the spec stays", async () => {
		const { has, revised, answer } = node(containers[1] ?? null);
		await expect(answer()).rejects.toThrow("Cannot limit web.1: it uses more");
		expect([...has.values()]).toEqual([
			{ revision: 1, resources },
			{ revision: 1, resources },
		]);
		expect(revised).toEqual([]);
	});
});
