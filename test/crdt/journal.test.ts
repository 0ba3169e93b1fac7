import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDisk } from "../../src/crdt/disk.js";
import { createJournal, decodeJournal } from "../../src/crdt/journal.js";
import type { NodeId } from "../../src/model.js";
import { createStoreWorld } from "../cluster/sim/store-world.js";
import { aClaim, aSpecRecord } from "./records.js";

const N1 = "N1" as NodeId;
const entries = [new Uint8Array([1, 2, 3]), new Uint8Array(300).fill(7), new Uint8Array([9])];
let directory = "";

beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "swarm-journal-"));
});
afterEach(() => rm(directory, { recursive: true }));

test("gives back what was appended, from a file that only its owner reads", async () => {
	const path = join(directory, "deep", "state.journal");
	const disk = await openDisk(path);
	expect(await disk.read()).toBeNull();
	const journal = createJournal(disk, 0);
	await Promise.all([journal.append(entries.slice(0, 2), "synced"), journal.append(entries.slice(2), "lazy")]);
	await journal.close();
	expect(decodeJournal(await readFile(path))).toEqual({ entries: entries.map((one) => Buffer.from(one)), bytesCut: 0 });
	expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test("writes the file anew with what is alive, and goes on behind it", async () => {
	const path = join(directory, "state.journal");
	const journal = createJournal(await openDisk(path), 0);
	await journal.append(entries, "lazy");
	await journal.rewrite(() => entries.slice(0, 1));
	await journal.append(entries.slice(2), "synced");
	await journal.close();
	expect(decodeJournal(await readFile(path)).entries.map((one) => one.length)).toEqual([3, 1]);
});

test("a journal cut at any byte gives every entry before the cut", async () => {
	const path = join(directory, "state.journal");
	const journal = createJournal(await openDisk(path), 0);
	await journal.append(entries, "synced");
	await journal.close();
	const whole = await readFile(path);
	for (let length = 0; length <= whole.length; length++) {
		const { entries: read, bytesCut } = decodeJournal(whole.subarray(0, length));
		const ends = [11, 319, 328];
		expect(read.length).toBe(ends.filter((end) => end <= length).length);
		expect(bytesCut).toBe(length - (ends.filter((end) => end <= length).at(-1) ?? 0));
	}
});

test("a damaged entry is left out and those after it are read", async () => {
	const path = join(directory, "state.journal");
	const journal = createJournal(await openDisk(path), 0);
	await journal.append(entries, "synced");
	await journal.close();
	const bytes = await readFile(path);
	bytes[100] = (bytes[100] ?? 0) ^ 1;
	expect(decodeJournal(bytes)).toEqual({ entries: [Buffer.from([1, 2, 3]), Buffer.from([9])], bytesCut: 308 });
});

test("a node starts from a journal cut at any byte, with what was whole, and reports the cut", async () => {
	const world = await createStoreWorld("torn", 1);
	const one = world.nodes[0] as (typeof world.nodes)[number];
	void world.state(0).commit([aSpecRecord(N1, "web")]);
	await world.timeline.run(100);
	const withSpec = one.disk.backup().length;
	void world.state(0).commit([aClaim(N1, "web.0")]);
	await world.timeline.run(100);
	const whole = one.disk.backup();
	for (let length = 0; length <= whole.length; length += length > withSpec - 3 ? 1 : 17) {
		world.kill(one);
		one.disk.restore(whole.slice(0, length));
		one.events.length = 0;
		world.start(one);
		await world.timeline.run(50);
		const view = world.state(0).view();
		expect(view.specs.has("web")).toBe(length >= withSpec);
		expect(view.claims.size).toBe(length === whole.length ? 1 : 0);
		if (length > withSpec && length < whole.length) expect(one.events[0]?.kind).toBe("journal.cut");
	}
});

test("what a crash of the machine can tear off was never announced as committed", async () => {
	for (let seed = 0; seed < 30; seed++) {
		const world = await createStoreWorld(`power ${seed}`, 1);
		const one = world.nodes[0] as (typeof world.nodes)[number];
		let committed = 0;
		const write = async () => {
			for (let index = 1; index <= 100; index++) {
				await world.state(0).commit([aClaim(N1, "web.0", { epoch: index })]);
				committed = index;
			}
		};
		void write();
		await world.timeline.run(20 + seed * 3);
		world.kill(one);
		one.disk.crashMachine();
		world.start(one);
		await world.timeline.run(50);
		expect(
			world
				.state(0)
				.view()
				.claims.get("web.0" as never)?.epoch ?? 0,
		).toBeGreaterThanOrEqual(committed);
		expect(committed).toBeGreaterThan(0);
	}
});
