import { expect, it } from "vitest";
import { systemClock } from "../../../src/clock.js";
import type { ContainerId, NodeId } from "../../../src/model.js";
import type { Promised } from "../../../src/node/lease/promises.js";
import { createVoter } from "../../../src/node/lease/voter.js";

const web0 = "web.0" as ContainerId;
const [self, a, b] = ["self", "a", "b"] as unknown as [NodeId, NodeId, NodeId];
const VOTERS = 77;

function voterOn(keep: (promised: readonly Promised[]) => Promise<void>) {
	const voter = createVoter({
		self,
		clock: systemClock,
		promises: { found: new Map(), keep, drop() {} },
		votesUnder: () => VOTERS,
		isForgetful: false,
		mayRunHere: () => false,
	});
	let question = 0;
	return (from: NodeId, epoch: number, voters = VOTERS) =>
		voter.answer(from, {
			kind: "ask",
			session: 1,
			question: ++question,
			owner: null,
			voters,
			wishes: [{ container: web0, epoch }],
		});
}

it("says yes only when the disk holds the promise, also when it is asked again after a write that failed", async () => {
	const onDisk: Promised[] = [];
	let isFull = true;
	const ask = voterOn(async (promised) => {
		if (isFull) throw new Error("ENOSPC");
		onDisk.push(...promised);
	});
	await expect(ask(a, 2)).rejects.toThrow("ENOSPC");
	await expect(ask(a, 2)).rejects.toThrow("ENOSPC");
	isFull = false;
	expect(await ask(a, 2)).toMatchObject([{ granted: true }]);
	expect(onDisk).toEqual([{ container: web0, epoch: 2, owner: a }]);
	expect(await ask(a, 2)).toMatchObject([{ granted: true }]);
	expect(onDisk).toHaveLength(1);
});

it("the same question that comes while the promise is being written waits for the disk too", async () => {
	const written: (() => void)[] = [];
	const ask = voterOn(() => new Promise<void>((resolve) => void written.push(resolve)));
	const answered: string[] = [];
	const first = ask(a, 1).then(() => answered.push("first"));
	const second = ask(a, 1).then(() => answered.push("second"));
	expect(written).toHaveLength(2);
	written[0]?.();
	await first;
	expect(answered).toEqual(["first"]);
	written[1]?.();
	await second;
});

it("says no, and promises nothing, to a node that goes by other voters", async () => {
	const kept: Promised[] = [];
	const ask = voterOn(async (promised) => void kept.push(...promised));
	expect(await ask(a, 5, VOTERS + 1)).toEqual([{ container: web0, epoch: 5, granted: false, epochPromised: 0 }]);
	expect(kept).toEqual([]);
	expect(await ask(b, 1)).toMatchObject([{ granted: true }]);
});
