import { describe, expect, it } from "vitest";
import type { Digest, ImageRecord, Liveness, NodeId } from "../../src/model.js";
import { containerRows, imageRows, resolveContainer } from "../../src/node/rows.js";
import {
	claimRecord,
	containerRecord,
	nodeA,
	nodeB,
	specOf,
	specRecord,
	type ViewParts,
	viewOfParts,
} from "../support/records.js";

const alive = (): Liveness => "alive";
const rowsOf = (parts: ViewParts, liveness: (node: NodeId) => Liveness = alive) =>
	containerRows(viewOfParts(parts), liveness);

describe("the lines of ps", () => {
	const specs = [specRecord("web")];

	it("show what the owner says of the epoch that it owns, and nothing that an older copy says", () => {
		const claims = [claimRecord("web.0", nodeB, 2)];
		const containers = [
			containerRecord("web.0", nodeA, 1, { phase: "running", address: "10.99.1.1" }),
			containerRecord("web.0", nodeB, 2, { phase: "starting", address: "10.99.1.2" }),
		];
		expect(rowsOf({ specs, claims, containers })).toMatchObject([
			{ container: "web.0", node: "node-b", epoch: 2, phase: "starting", address: "10.99.1.2" },
		]);
	});

	it("say pending without a claim, and lost while the owner is down", () => {
		const claims = [claimRecord("web.0", nodeA, 1)];
		expect(rowsOf({ specs })).toMatchObject([{ phase: "pending", node: null }]);
		expect(rowsOf({ specs, claims, containers: [containerRecord("web.0", nodeA, 1)] }, () => "down")).toMatchObject([
			{ phase: "lost", node: "node-a" },
		]);
	});

	it("say stopped of what was stopped before its owner made it", () => {
		const specs = [specRecord("web", { desired: "stopped" })];
		expect(rowsOf({ specs })).toMatchObject([{ phase: "stopped" }]);
		expect(rowsOf({ specs, claims: [claimRecord("web.0", nodeA, 2)] })).toMatchObject([{ phase: "stopped", epoch: 2 }]);
	});

	it("keep the exit code of what ended before its node went down", () => {
		const claims = [claimRecord("web.0", nodeA, 1)];
		const containers = [containerRecord("web.0", nodeA, 1, { phase: "stopped", exitCode: 3 })];
		expect(rowsOf({ specs, claims, containers }, () => "down")).toMatchObject([{ phase: "stopped", exitCode: 3 }]);
	});

	it("leave out what was removed, and show every replica", () => {
		const two = specRecord("two", { spec: specOf("two", { replicas: 2 }) });
		const rows = rowsOf({ specs: [specRecord("gone", { removed: true }), two] });
		expect(rows.map((row) => row.container)).toEqual(["two.0", "two.1"]);
	});
});

describe("the name of a container", () => {
	const view = viewOfParts({ specs: [specRecord("one"), specRecord("two", { spec: specOf("two", { replicas: 2 }) })] });

	it("may be that of a workload with one replica", () => {
		expect(resolveContainer(view, "one")).toMatchObject({ container: "one.0" });
	});
	it("of a workload with several says which there are", () => {
		expect(resolveContainer(view, "two")).toContain("two.0 to two.1");
	});
	it.each(["two.2", "two.-1", "two.x", "nope", "nope.0", ""])("%j is nothing", (name) => {
		expect(resolveContainer(view, name)).toBe("");
	});
});

describe("the lines of image ls", () => {
	it("join the nodes that hold the same bytes, and keep apart what only has the same name", () => {
		const image = (node: NodeId, digest: string): ImageRecord => ({
			kind: "image",
			name: "redis:7",
			digest: digest as Digest,
			node,
			sizeBytes: 7,
		});
		const view = viewOfParts({
			images: [image(nodeB, "sha256:1"), image(nodeA, "sha256:1"), image(nodeA, "sha256:2")],
		});
		expect(imageRows(view).map((row) => [row.digest, row.nodes])).toEqual([
			["sha256:1", ["node-a", "node-b"]],
			["sha256:2", ["node-a"]],
		]);
	});
});
