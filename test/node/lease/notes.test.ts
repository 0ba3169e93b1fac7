import { describe, expect, it } from "vitest";
import { voterIdOf } from "../../../src/crdt/electorates.js";
import type { ClusterView } from "../../../src/crdt/state.js";
import { EMPTY_VIEW } from "../../../src/crdt/view.js";
import { type ClaimRecord, containerIdOf, type NodeId, type NodeRecord, type SpecRecord } from "../../../src/model.js";
import { leaseInWords, leaseNotes } from "../../../src/node/lease/notes.js";
import { isMajorityAlive, leasesWanted, votersOf, votersWanted } from "../../../src/node/lease/voters.js";

const idsOf = (nodes: readonly Partial<NodeRecord>[]) => nodes.map((_, at) => `n${at}` as NodeId);
/** Of `nodes` the first ones vote, if not all do. */
const viewOf = (nodes: readonly Partial<NodeRecord>[], voters = idsOf(nodes)): ClusterView => ({
	...EMPTY_VIEW,
	electorates: new Map([
		[
			"voters",
			{
				...{ kind: "electorate", number: 1, before: [], writer: "n0" as NodeId },
				voters: voters.map((voter) => voterIdOf({ node: voter })),
			},
		],
	]),
	nodes: new Map(nodes.map((node, at) => [`n${at}` as NodeId, { node: `n${at}`, left: false, ...node } as NodeRecord])),
});
const web = { name: "web", policy: "exclusive" } as const;
const everybody = () => true;

describe("what is said of an exclusive workload", () => {
	it("names the third voter that two nodes lack", () => {
		expect(leaseNotes(web, viewOf([{}, {}]), everybody)).toMatchObject([expect.stringContaining("--witness")]);
		expect(leaseNotes(web, viewOf([{}, {}, { role: "witness" }]), everybody)).toEqual([]);
		expect(leaseNotes(web, viewOf([{}]), everybody)).toEqual([]);
		expect(leaseNotes({ ...web, policy: "available" }, viewOf([{}, {}]), everybody)).toEqual([]);
	});

	it("says that there is no majority", () => {
		const [note] = leaseNotes(web, viewOf([{}, {}, {}]), (node) => node === "n0");
		expect(note).toContain("1 of 3 voters are alive, 2 are wanted");
		const nodes = [{}, {}, {}, { name: "late-a" }, { name: "late-b" }];
		const isHere = (node: NodeId) => ["n0", "n3", "n4"].includes(node);
		const [other] = leaseNotes(web, viewOf(nodes, idsOf(nodes).slice(0, 3)), isHere);
		expect(other).toContain("1 of 3 voters are alive, 2 are wanted");
		expect(other).toContain("late-a, late-b vote once these agree");
	});

	it("tells of the lease itself", () => {
		const voters = ["n0", "n1", "n2"] as readonly string[] as readonly NodeId[];
		const nameOf = (node: NodeId) => node.toUpperCase();
		expect(leaseInWords({ leftMs: 5_400, saidYes: voters.slice(1), voters, epochRefused: null }, nameOf)).toBe(
			"held for 5.4 s more, 2 of 3 voters agree (N1, N2)",
		);
		expect(leaseInWords({ leftMs: 0, saidYes: [], voters, epochRefused: 7 }, nameOf)).toBe(
			"not held: 0 of 3 voters agree; others have promised epoch 7",
		);
	});
});

it("members and witnesses are to vote, readers and those who left are not, and those do that were agreed on", () => {
	const nodes = [{}, { left: true }, { role: "reader" as const }, { role: "witness" as const }, {}];
	const view = viewOf(nodes, ["n0", "n1", "n3"] as readonly string[] as NodeId[]);
	expect(votersWanted(view).map(({ node }) => node)).toEqual(["n0", "n3", "n4"]);
	expect(votersOf(view)).toEqual(["n0", "n3"]);
	const again = view.nodes.get("n3" as NodeId) as NodeRecord;
	const joinedAgain = new Map(view.nodes).set(again.node, { ...again, admittedAtMs: 5 });
	expect(votersOf({ ...view, nodes: joinedAgain })).toEqual(["n0"]);
	expect(isMajorityAlive(view, (node) => node === "n0")).toBe(false);
	expect(isMajorityAlive(view, everybody)).toBe(true);
});

it("no lease is asked for a replica that the spec has no more", () => {
	const claims = [0, 1].map((at) => ({ container: containerIdOf("web", at), workload: "web", owner: "n0", epoch: 3 }));
	const spec = { name: "web", removed: false, desired: "running", spec: { policy: "exclusive", replicas: 1 } };
	const view = {
		...EMPTY_VIEW,
		specs: new Map([["web", spec as unknown as SpecRecord]]),
		claims: new Map(claims.map((claim) => [claim.container, claim as unknown as ClaimRecord])),
	};
	expect([...leasesWanted(view, "n0" as NodeId)]).toEqual([["web.0", 3]]);
});
