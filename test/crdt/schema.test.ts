import { expect, test } from "vitest";
import * as Y from "yjs";
import { encodeEnvelope, FIRST_HASH } from "../../src/crdt/envelope.js";
import { createJournal } from "../../src/crdt/journal.js";
import { openGeneration } from "../../src/crdt/own-document.js";
import { SCHEMA } from "../../src/crdt/schema.js";
import type { NodeId } from "../../src/model.js";
import { createSimChance } from "../cluster/sim/sim-chance.js";
import { createSimProcess } from "../cluster/sim/sim-process.js";
import { signerFor } from "../cluster/sim/sim-signature.js";
import { createStoreWorld, type StoreNode, type StoreWorld } from "../cluster/sim/store-world.js";
import { aContainer, aSpecRecord } from "./records.js";
import { aDocumentSet, certificateOf } from "./writing.js";

const [N1, N2, N3] = ["N1", "N2", "N3"] as [NodeId, NodeId, NodeId];

/** The first envelope of a document as a version of Stratoswarm with another schema writes it. */
function openingOf(writer: NodeId, schema: unknown, records: Readonly<Record<string, unknown>>): Uint8Array {
	const yjs = new Y.Doc();
	yjs.clientID = 77;
	if (schema !== undefined) yjs.getMap("about").set("schema", schema);
	for (const [key, record] of Object.entries(records)) yjs.getMap("records").set(key, record);
	const place = { writer, generation: 1, sequence: 0, previous: FIRST_HASH };
	const opening = { history: [], certificate: certificateOf(writer), payload: Y.encodeStateAsUpdate(yjs) };
	return encodeEnvelope({ kind: "snapshot", ...place, ...opening }, signerFor(writer));
}

async function startWith(world: StoreWorld, one: StoreNode, envelope: Uint8Array): Promise<void> {
	world.kill(one);
	const disk = one.disk.openFor(createSimProcess(world.timeline, { offsetMs: 0, rate: 1 }));
	const written = disk.read().then((bytes) => createJournal(disk, bytes?.length ?? 0).append([envelope], "synced"));
	await world.timeline.run(1000);
	await written;
	world.start(one);
	await world.timeline.run(10_000);
}

test("a member with a newer major schema makes the others read-only: they pass its document on and tell their own facts", async () => {
	const world = await createStoreWorld("newer", 2);
	const newer = openingOf(N3, [SCHEMA.major + 1, 0], { "spec/web": { kind: "spec", wholly: "different" } });
	await startWith(world, world.nodes[0] as StoreNode, newer);
	const refusal = `Cannot change the state: node N3 writes schema ${SCHEMA.major + 1}, this node knows ${SCHEMA.major}`;
	for (const index of [0, 1]) {
		expect(world.state(index).readOnly()?.message).toContain(refusal);
		const node = [N1, N2][index] as NodeId;
		await expect(world.state(index).commit([aSpecRecord(node, "db")])).rejects.toMatchObject({ code: "refused" });
		expect(world.nodes[index]?.events.map(({ kind }) => kind)).toContain("state.readonly");
	}
	world.state(0).put([aContainer(N1, "old.0", { phase: "stopped", exitCode: 3 })]);
	await world.timeline.run(1000);
	expect(
		world
			.state(1)
			.view()
			.containers.get("old.0" as never),
	).toMatchObject([{ exitCode: 3 }]);
	expect(world.state(1).view().specs.size).toBe(0);
});

test("a node does not start on a state that a newer version of it wrote", async () => {
	const world = await createStoreWorld("downgraded", 1);
	const later = startWith(world, world.nodes[0] as StoreNode, openingOf(N1, [SCHEMA.major + 1, 0], {}));
	await expect(later).rejects.toThrow(`writes schema ${SCHEMA.major + 1}`);
});

test("records of kinds that come with a later minor version are left as they are, also by the node that wrote them", () => {
	const dream = { kind: "dream", of: ["sheep"] };
	const spec = aSpecRecord(N1, "web");
	const documents = aDocumentSet();
	const opening = openingOf(N1, [SCHEMA.major, SCHEMA.minor + 7], { "dream/1": dream, "spec/web": spec });
	expect(documents.accept([opening], "own-disk").kind).toBe("accepted");
	expect(documents.of(N1)[0]?.records.get("spec/web")).toEqual(spec);
	const next = openGeneration(
		{
			self: N1,
			sign: signerFor(N1),
			certificate: certificateOf(N1),
			role: "member",
			chance: createSimChance("next"),
			nowMs: 5,
		},
		documents.of(N1),
		new Map(),
	);
	expect(next.document.yjs.getMap("records").get("dream/1")).toEqual(dream);
	expect(next.document.yjs.getMap("about").get("schema")).toEqual([SCHEMA.major, SCHEMA.minor]);
});

test("a document from before schemas had numbers is read; one with nonsense instead is refused", () => {
	const documents = aDocumentSet();
	expect(documents.accept([openingOf(N1, undefined, { "spec/web": aSpecRecord(N1, "web") })], "verify").kind).toBe(
		"accepted",
	);
	expect(documents.of(N1)[0]?.records.size).toBe(1);
	for (const nonsense of ["1.0", [0, 0], [1], [1, -1], [1.5, 0], {}])
		expect(documents.accept([openingOf(N2, nonsense, {})], "verify")).toMatchObject({ kind: "refused" });
});
