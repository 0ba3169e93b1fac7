import { describe, expect, it } from "vitest";
import { createQuiet } from "../../src/runtime/quiet.js";

/** Timers that fire when told. */
function world() {
	const timers = new Set<() => void>();
	const quiet = createQuiet({
		after(_ms, act) {
			const own = () => {
				timers.delete(own);
				act();
			};
			timers.add(own);
			return () => void timers.delete(own);
		},
	});
	const pass = () => {
		for (const act of [...timers]) act();
	};
	const done: string[] = [];
	return { quiet, pass, done, timers };
}

describe("quiet", () => {
	it("comes after the time when nothing is being started", () => {
		const { quiet, pass, done } = world();
		quiet.after(20, () => done.push("work"));
		expect(done).toEqual([]);
		pass();
		pass();
		expect(done).toEqual(["work"]);
	});

	it("waits for the last start under way, and then for the time again", async () => {
		const { quiet, pass, done } = world();
		const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
		let over = () => {};
		const running = quiet.during((itsEnd) => {
			over = itsEnd;
			return first.promise;
		});
		const failing = quiet.during(() => second.promise);
		quiet.after(20, () => done.push("work"));
		pass();
		over();
		first.resolve();
		await running;
		pass();
		expect(done).toEqual([]);
		second.reject(new Error("no"));
		await expect(failing).rejects.toThrow("no");
		expect(done).toEqual([]);
		pass();
		expect(done).toEqual(["work"]);
	});

	it("does not come for what was cancelled, before its time or when it waits for a start", async () => {
		const { quiet, pass, done, timers } = world();
		quiet.after(20, () => done.push("early"))();
		const start = Promise.withResolvers<void>();
		const running = quiet.during(() => start.promise);
		const cancel = quiet.after(20, () => done.push("late"));
		pass();
		cancel();
		start.resolve();
		await running;
		pass();
		expect([done, timers.size]).toEqual([[], 0]);
	});
});
