import { expect, it } from "vitest";
import { EMPTY_VIEW } from "../../../src/crdt/view.js";
import { silentLogger } from "../../../src/log.js";
import type { NodeId, NodeRecord } from "../../../src/model.js";
import { createElectorate, electorateOf } from "../../../src/node/lease/electorate.js";
import { votersKept } from "../../../src/node/lease/voters.js";

const [a, b, c] = ["a", "b", "c"] as unknown as [NodeId, NodeId, NodeId];

function keeper(found: readonly NodeId[] | null, votersNow: () => readonly NodeId[]) {
	const kept: (readonly NodeId[])[] = [];
	let write = async () => {};
	let changes = 0;
	const electorate = createElectorate({
		promises: {
			foundVoters: found,
			keepVoters: async (voters) => {
				await write();
				kept.push(voters);
			},
		},
		logger: silentLogger,
		votersNow,
		onChange: () => {
			changes += 1;
		},
	});
	return {
		electorate,
		kept,
		changes: () => changes,
		writesBy(next: () => Promise<void>) {
			write = next;
		},
	};
}

it("nobody votes before the disk holds who does", async () => {
	const { electorate, writesBy, changes } = keeper(null, () => [b, a]);
	let written: () => void = () => {};
	writesBy(() => new Promise((resolve) => (written = resolve)));
	electorate.refresh();
	expect(electorate.current()).toBeNull();
	written();
	await expect.poll(changes).toBe(1);
	expect(electorate.current()?.voters).toEqual([a, b]);
});

it("a disk that is full leaves the voters as they were", async () => {
	const { electorate, writesBy, changes, kept } = keeper([a, b], () => [a, b, c]);
	let tries = 0;
	writesBy(async () => {
		tries += 1;
		if (tries === 1) throw new Error("ENOSPC");
	});
	electorate.refresh();
	await expect.poll(() => tries).toBe(1);
	expect(electorate.current()?.voters).toEqual([a, b]);
	electorate.refresh();
	await expect.poll(changes).toBe(1);
	expect(kept).toEqual([[a, b, c]]);
});

it("two nodes name the same voters alike, and others otherwise", () => {
	expect(electorateOf([c, a, b]).digest).toBe(electorateOf([a, b, c]).digest);
	expect(electorateOf([a, b]).digest).not.toBe(electorateOf([a, b, c]).digest);
});

it("a voter that the view has lost votes still, one that left does not", () => {
	const record = (node: NodeId, left: boolean) => [node, { node, left } as NodeRecord] as const;
	const view = { ...EMPTY_VIEW, nodes: new Map([record(a, false), record(b, true)]) };
	expect(votersKept(view, [a, b, c])).toEqual([a, c]);
});
