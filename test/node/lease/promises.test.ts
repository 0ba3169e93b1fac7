import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openDisk } from "../../../src/crdt/disk.js";
import type { ContainerId, NodeId, VoterId } from "../../../src/model.js";
import { openPromises } from "../../../src/node/lease/promises.js";
import { temporaryDirectory } from "../../support/temporary.js";

const [web0, db0] = ["web.0", "db.0"] as unknown as [ContainerId, ContainerId];
const [a, b] = ["a", "b"] as unknown as [NodeId, NodeId];

async function place(): Promise<string> {
	return join(await temporaryDirectory(), "promises");
}

it("finds the last promise of each container again", async () => {
	const path = await place();
	const first = await openPromises(await openDisk(path));
	expect(first.found.size).toBe(0);
	await first.keep([{ container: web0, epoch: 1, owner: a }]);
	await first.keep([
		{ container: web0, epoch: 2, owner: b },
		{ container: db0, epoch: 7, owner: a },
	]);
	await first.close();
	const second = await openPromises(await openDisk(path));
	expect([...second.found]).toEqual([
		[web0, { epoch: 2, owner: b }],
		[db0, { epoch: 7, owner: a }],
	]);
	expect(second.isDamaged).toBe(false);
	await second.close();
});

it("keeps what is before a torn end, and says that there was one", async () => {
	const path = await place();
	const first = await openPromises(await openDisk(path));
	await first.keep([{ container: web0, epoch: 1, owner: a }]);
	await first.close();
	await writeFile(path, Buffer.concat([await readFile(path), Buffer.from([0, 0, 0, 9, 1])]));
	const second = await openPromises(await openDisk(path));
	expect(second.isDamaged).toBe(true);
	expect(second.found.get(web0)).toEqual({ epoch: 1, owner: a });
	await second.keep([{ container: web0, epoch: 5, owner: b }]);
	await second.close();
	expect((await openPromises(await openDisk(path))).found.get(web0)).toEqual({ epoch: 5, owner: b });
});

it("finds the electorate again that it last went by, and what it said about the next, also in a file that was written anew", async () => {
	const path = await place();
	const first = await openPromises(await openDisk(path));
	expect([first.electorate, first.consent]).toEqual([null, null]);
	const [va, vb] = ["a@1", "b@2"] as unknown as [VoterId, VoterId];
	const electorate = { number: 1, voters: [va, vb], before: [va] };
	const round = { count: 3, by: b };
	const consent = { number: 2, promised: round, accepted: { round, voters: [va] } };
	await first.keepElectorate({ number: 0, voters: [va], before: [] });
	await first.keep([{ container: web0, epoch: 1, owner: a }]);
	await first.keepElectorate(electorate);
	await first.keepConsent({ ...consent, accepted: null });
	await first.keepConsent(consent);
	await first.close();
	await writeFile(path, Buffer.concat([await readFile(path), Buffer.from([0, 0, 0, 9, 1])]));
	for (let round = 0; round < 2; round++) {
		const again = await openPromises(await openDisk(path));
		expect(again.electorate).toEqual(electorate);
		expect(again.consent).toEqual(consent);
		expect(again.found.get(web0)).toEqual({ epoch: 1, owner: a });
		await again.close();
	}
});
