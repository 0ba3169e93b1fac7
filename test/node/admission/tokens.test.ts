// Tokens of three nodes with real connections; the replicated state is one set of records that all, or only those of one side, see.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemChance, systemClock } from "../../../src/clock.js";
import type { State } from "../../../src/crdt/state.js";
import { keyOf, type RecordKey } from "../../../src/crdt/state.js";
import { viewOf } from "../../../src/crdt/view.js";
import { createIdentity } from "../../../src/mesh/identity.js";
import type { Candidate, GivenToken } from "../../../src/mesh/join.js";
import { parseToken } from "../../../src/mesh/join-token.js";
import type { Libp2pMesh } from "../../../src/mesh/libp2p-mesh.js";
import type { NodeId, StateRecord } from "../../../src/model.js";
import { admissionEvents } from "../../../src/node/admission/admission-events.js";
import { tokenRows } from "../../../src/node/admission/token-rows.js";
import { createTokens, OPEN_TOKENS_MAX, type Tokens } from "../../../src/node/admission/tokens.js";
import { aNode } from "../../crdt/records.js";
import { type LoopbackNetwork, loopbackNetwork } from "../../mesh/libp2p-network.js";

type Shared = Map<NodeId, Map<RecordKey, StateRecord>>;

/** Of one node; what it commits is seen by all who share the records. */
function stateOf(self: NodeId, shared: Shared): State {
	const own = new Map<RecordKey, StateRecord>();
	shared.set(self, own);
	return {
		self,
		view: () => viewOf([...shared].map(([writer, records]) => ({ writer, generation: 1, records }))),
		async commit(records: readonly StateRecord[]) {
			for (const record of records) own.set(keyOf(record), record);
		},
	} as unknown as State;
}

let network: LoopbackNetwork;
let meshes: readonly [Libp2pMesh, Libp2pMesh, Libp2pMesh];
let shared: Shared;
beforeEach(async () => {
	network = await loopbackNetwork();
	meshes = (await network.members(3)) as unknown as typeof meshes;
	await network.until("a full mesh", () => meshes.every((mesh) => mesh.peers().length === 2));
	shared = new Map();
});
afterEach(() => network.close());

function tokensOn(mesh: Libp2pMesh, records: Shared = shared): Tokens & { readonly state: State } {
	const state = stateOf(mesh.self, records);
	const authority = () => mesh.cluster()?.authority ?? "";
	const tokens = createTokens({ state, mesh, authority, clock: systemClock, chance: systemChance });
	tokens.serve();
	return { ...tokens, state };
}

const wish = { lifeMs: 60_000, uses: 1, role: "member" } as const;
const newcomer = (name: string): Candidate => ({ node: createIdentity().node, name, witness: false });
const given = (text: string): GivenToken => parseToken(text);

describe("the uses of a token", () => {
	it("are right when two members let nodes in at the same moment", async () => {
		const all = [tokensOn(meshes[0]), tokensOn(meshes[1]), tokensOn(meshes[2])] as const;
		const { text } = await all[0].create({ ...wish, uses: 2 });
		const attempts = all.flatMap((tokens, at) =>
			[0, 1].map((each) => tokens.use(given(text), newcomer(`x${at}${each}`))),
		);
		const ends = await Promise.allSettled(attempts);
		expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
		const refusals = ends.flatMap((end) => (end.status === "rejected" ? [String(end.reason.message)] : []));
		expect(refusals.every((message) => message === "Cannot admit with this token: it is used up (2 of 2)")).toBe(true);
	});

	it("are counted once for a node that comes again, and give it the token's role", async () => {
		const [first, second] = [tokensOn(meshes[0]), tokensOn(meshes[1])];
		const { text, record } = await first.create({ ...wish, role: "reader" });
		const node = newcomer("x");
		expect(await second.use(given(text), node)).toMatchObject({ role: "reader" });
		expect(await first.use(given(text), node)).toMatchObject({ role: "reader" });
		expect(tokenRows(first.state.view(), Date.now())).toMatchObject([
			{ id: record.id, usedBy: ["x"], state: "used up" },
		]);
		await expect(second.use(given(text), newcomer("y"))).rejects.toThrow(/used up/);
	});

	it("go on while the node that made it is gone; then each side of a split counts, and it is told afterwards", async () => {
		const [left, right]: [Shared, Shared] = [new Map(), new Map()];
		const first = tokensOn(meshes[0], left);
		const { text, record } = await first.create(wish);
		await network.stopMember(meshes[0]);
		await network.until("the end", () => meshes[1].peers().length === 1 && meshes[2].peers().length === 1);
		const sides = [tokensOn(meshes[1], left), tokensOn(meshes[2], right)] as const;
		right.set(first.state.self, new Map([[keyOf(record), record]]));
		await network.stopMember(meshes[2]);
		await network.until("the cut", () => meshes[1].peers().length === 0);
		await sides[0].use(given(text), newcomer("a"));
		await expect(sides[0].use(given(text), newcomer("b"))).rejects.toThrow(/used up/);
		await sides[1].use(given(text), newcomer("c"));
		const healed = viewOf([...left, ...right].map(([writer, records], at) => ({ writer, generation: at, records })));
		const told = admissionEvents(sides[0].state.view(), healed).filter(({ kind }) => kind === "token.overused");
		expect(told[0]?.message).toMatch(/was good for 1 and was used by a, c/);
	});

	it("are none after it was withdrawn on any node", async () => {
		const [first, second] = [tokensOn(meshes[0]), tokensOn(meshes[1])];
		const { text, record } = await first.create(wish);
		await second.revoke(record.id.slice(0, 6));
		await expect(second.use(given(text), newcomer("x"))).rejects.toThrow(/withdrawn/);
		await expect(second.revoke("zz")).rejects.toMatchObject({ code: "not-found" });
		expect(tokenRows(first.state.view(), Date.now())).toMatchObject([{ state: "revoked" }]);
	});
});

describe("a newcomer", () => {
	it("is refused a name that a node has, or that another newcomer was given just now", async () => {
		const first = tokensOn(meshes[0]);
		const { text } = await first.create({ ...wish, uses: 10 });
		await first.state.commit([aNode(meshes[0].self, { name: "n1" })]);
		await expect(first.use(given(text), newcomer("n1"))).rejects.toThrow(
			/name n1 is taken, choose another with --name/,
		);
		await first.use(given(text), newcomer("n4"));
		await expect(first.use(given(text), newcomer("n4"))).rejects.toThrow(/name n4 is taken/);
	});

	it("that was forgotten is admitted later than that, whatever the clocks say", async () => {
		const first = tokensOn(meshes[0]);
		const { text } = await first.create(wish);
		const node = newcomer("x");
		const revokedAtMs = Date.now() + 3_600_000;
		const about = { of: "node", id: node.node, name: "x", statement: "AA==", expiresAtMs: null } as const;
		await first.state.commit([{ kind: "revocation", writer: first.state.self, revokedAtMs, ...about }]);
		expect((await first.use(given(text), node)).admittedAtMs).toBe(revokedAtMs + 1);
	});
});

it("a token holds no more than it must: bounds of life, uses and number", async () => {
	const first = tokensOn(meshes[0]);
	for (const wrong of [{ uses: 0 }, { uses: 1_001 }, { uses: 1.5 }, { lifeMs: 999 }, { lifeMs: 1e12 }])
		await expect(first.create({ ...wish, ...wrong })).rejects.toMatchObject({ code: "usage" });
	const { record } = await first.create(wish);
	expect(JSON.stringify([...shared.values()].map((records) => [...records]))).not.toContain('secret"');
	expect(record.secretHash).toMatch(/^[0-9a-f]{64}$/);
	for (let count = 1; count < OPEN_TOKENS_MAX; count++) await first.create(wish);
	await expect(first.create(wish)).rejects.toMatchObject({ code: "conflict" });
});
