// One identity, two processes: a copied state directory, or a backup restored while the first process still lived.

import { expect, test } from "vitest";
import { decodeEnvelope } from "../../src/crdt/envelope.js";
import { createJournal, decodeJournal } from "../../src/crdt/journal.js";
import { openGeneration } from "../../src/crdt/own-document.js";
import { keyOf } from "../../src/crdt/state.js";
import type { NodeId } from "../../src/model.js";
import { createSimChance } from "../cluster/sim/sim-chance.js";
import { createSimProcess } from "../cluster/sim/sim-process.js";
import { signerFor } from "../cluster/sim/sim-signature.js";
import { createStoreWorld, type StoreWorld } from "../cluster/sim/store-world.js";
import { aClaim, aContainer, aSpecRecord } from "./records.js";
import { aDocumentSet, certificateOf } from "./writing.js";

const [N1, N2] = ["N1", "N2"] as [NodeId, NodeId];

/** What a process with the key of N1 writes that has taken over what N2 holds of N1, handed to N2 as if it had come by the mesh. */
async function writeAsTwin(world: StoreWorld): Promise<void> {
	const n2 = world.nodes[1] as (typeof world.nodes)[number];
	world.kill(n2);
	const disk = n2.disk.openFor(createSimProcess(world.timeline, { offsetMs: 0, rate: 1 }));
	const written = disk.read().then(async (bytes) => {
		const documents = aDocumentSet();
		const { entries } = decodeJournal(bytes ?? new Uint8Array());
		for (const entry of entries) if (decodeEnvelope(entry).writer === N1) documents.accept([entry], "own-disk");
		const opening = {
			self: N1,
			sign: signerFor(N1),
			certificate: certificateOf(N1),
			role: "member",
			nowMs: 0,
		} as const;
		const claim = aClaim(N1, "web.0", { epoch: 9 });
		const twin = openGeneration(
			{ ...opening, chance: createSimChance("twin") },
			documents.of(N1),
			new Map([[keyOf(claim), claim]]),
		);
		await createJournal(disk, bytes?.length ?? 0).append([twin.bytes], "synced");
	});
	await world.timeline.run(1000);
	await written;
	world.start(n2);
	await world.timeline.run(10_000);
}

test("the process that started first notices the other, writes nothing more and says so; the other's records stand", async () => {
	const world = await createStoreWorld("twins", 2);
	void world.state(0).commit([aSpecRecord(N1, "web"), aClaim(N1, "web.0")]);
	await world.timeline.run(1000);
	expect(world.state(0).readOnly()).toBeNull();
	await writeAsTwin(world);
	expect(world.state(0).readOnly()).toMatchObject({ code: "conflict" });
	await expect(world.state(0).commit([aSpecRecord(N1, "db")])).rejects.toMatchObject({ code: "conflict" });
	world.state(0).put([aContainer(N1, "web.0")]);
	await world.timeline.run(10_000);
	expect(world.nodes[0]?.events.map(({ kind }) => kind)).toEqual(["state.readonly"]);
	for (const index of [0, 1]) {
		const view = world.state(index).view();
		expect(view.claims.get("web.0" as never)).toMatchObject({ epoch: 9 });
		expect([...view.specs.keys(), ...view.containers.keys()]).toEqual(["web"]);
	}
	expect(world.state(1).readOnly()).toBeNull();
	void world.state(1).commit([aSpecRecord(N2, "mine")]);
	await world.timeline.run(1000);
	expect(world.state(1).view().specs.has("mine")).toBe(true);
});

test("started again it goes on from what the other wrote", async () => {
	const world = await createStoreWorld("twins again", 2);
	void world.state(0).commit([aSpecRecord(N1, "web"), aClaim(N1, "web.0")]);
	await world.timeline.run(1000);
	await writeAsTwin(world);
	const n1 = world.nodes[0] as (typeof world.nodes)[number];
	world.kill(n1);
	world.start(n1);
	await world.timeline.run(10_000);
	expect(world.state(0).readOnly()).toBeNull();
	void world.state(0).commit([aSpecRecord(N1, "db")]);
	await world.timeline.run(1000);
	for (const index of [0, 1]) {
		expect([...world.state(index).view().specs.keys()].sort()).toEqual(["db", "web"]);
		expect(
			world
				.state(index)
				.view()
				.claims.get("web.0" as never),
		).toMatchObject({ epoch: 9 });
	}
});
