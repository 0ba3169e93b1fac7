import { describe, expect, it } from "vitest";
import type { ContainerId, Liveness, NodeId, Spec, VolumeRecord } from "../../src/model.js";
import { decide } from "../../src/node/placement.js";
import { validateSpec } from "../../src/node/spec/validate-spec.js";
import { dataOnlyOn, volumePlacesOf, withoutVolumesOf } from "../../src/node/volume-places.js";
import { volumeChanges } from "../../src/node/volume-records.js";
import { claimRecord, nodeA, nodeB, nodeC, nodeRecord, specRecord, viewOfParts } from "../support/records.js";

const held = (name: string, node: NodeId): VolumeRecord => ({ kind: "volume", name, node, labels: {}, createdAtMs: 5 });
const spec = (given: Readonly<Record<string, unknown>> = {}): Spec =>
	validateSpec({ name: "db", volumes: ["data:/data"], ...given });
const db1 = "db.1" as ContainerId;

const placed = (
	volumes: readonly VolumeRecord[],
	wanted: Spec,
	down: readonly NodeId[] = [],
	owner: NodeId | null = null,
) => {
	const liveness = (node: NodeId): Liveness => (down.includes(node) ? "down" : "alive");
	const membership = { liveness, sample: () => null, rttMs: () => null, watch() {}, subscribe: () => () => {} };
	const claims = owner === null ? [] : [claimRecord("db.0" as ContainerId, owner, 1)];
	const image = { kind: "image", name: "host", digest: "sha256:0" as never, sizeBytes: 1 } as const;
	const images = [nodeA, nodeB, nodeC].map((node) => ({ ...image, node }));
	const view = viewOfParts({ volumes, claims, images, specs: [{ ...specRecord("db"), spec: wanted }] });
	return decide({ view, membership, pending: [] }, wanted, db1, []);
};

describe("places of volumes", () => {
	it("are the nodes that hold them and have not left", () => {
		const nodes = [nodeRecord(nodeA), nodeRecord(nodeB, { left: true })];
		const view = viewOfParts({ nodes, volumes: [held("data", nodeA), held("data", nodeB), held("other", nodeA)] });
		expect(volumePlacesOf(view, spec(), [])).toEqual([{ name: "data", nodes: [nodeA] }]);
	});

	it("decide where a workload goes", () => {
		expect(placed([held("data", nodeB)], spec()).node).toBe(nodeB);
		const two = spec({ volumes: ["data:/data", "more:/more"] });
		const apart = placed([held("data", nodeA), held("more", nodeB)], two);
		expect(apart.node).toBeNull();
		expect(apart.rows.flatMap(({ refusals }) => refusals.map(({ reason }) => reason))).toContain(
			"the volume data is on node-a; the volume more is on node-b",
		);
	});

	it("are those of the first replica while its node has not told of a new one", () => {
		expect(placed([], spec({ replicas: 2 }), [], nodeC).node).toBe(nodeC);
		expect(placed([], spec({ replicas: 2 }), [nodeC], nodeC).node).not.toBe(nodeC);
	});

	it("are what a node that leaves would take with it, unless it moves first", () => {
		const view = viewOfParts({ volumes: [held("data", nodeA)], specs: [{ ...specRecord("db"), spec: spec() }] });
		expect(dataOnlyOn(view, nodeA)).toEqual(["data of db"]);
		expect(dataOnlyOn(view, nodeB)).toEqual([]);
		expect(dataOnlyOn(viewOfParts({ volumes: [held("data", nodeA)] }), nodeA)).toEqual([]);
		expect(withoutVolumesOf(view, nodeA).volumes).toEqual([]);
		expect(withoutVolumesOf(view, nodeB).volumes).toHaveLength(1);
	});

	it("hold a workload while their node is down, unless it is to be available", () => {
		expect(placed([held("data", nodeB)], spec(), [nodeB]).node).toBeNull();
		expect(placed([held("data", nodeB)], spec({ policy: "available" }), [nodeB]).node).not.toBeNull();
		expect(placed([held("data", nodeB)], spec({ policy: "available" })).node).toBe(nodeB);
	});
});

describe("what a node tells of its volumes", () => {
	it("is what changed: new ones, ones made again, and ones that are gone", () => {
		const view = viewOfParts({
			volumes: [held("same", nodeA), held("again", nodeA), held("gone", nodeA), held("of b", nodeB)],
		});
		const state = (name: string, createdAtMs: number) => ({ name, labels: {}, createdAtMs });
		const changes = volumeChanges(view, nodeA, [state("same", 5), state("again", 6), state("new", 7)]);
		expect(changes.records.map(({ name }) => name)).toEqual(["again", "new"]);
		expect(changes.stale).toEqual(["volume/gone"]);
	});
});
