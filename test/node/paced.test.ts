import { describe, expect, it } from "vitest";
import { paced } from "../../src/node/paced.js";

/** A clock that work moves by what it takes, and the test by waiting. */
function world(tookMs: number) {
	let nowMs = 1_000;
	let begun = 0;
	const timers: { atMs: number; act: () => void }[] = [];
	const clock = {
		nowMs: () => nowMs,
		monotonicMs: () => nowMs,
		after(delayMs: number, act: () => void) {
			const timer = { atMs: nowMs + delayMs, act };
			timers.push(timer);
			return () => void timers.splice(timers.indexOf(timer), 1);
		},
		sleep: () => Promise.resolve(),
	};
	const work = () => {
		begun += 1;
		nowMs += tookMs;
	};
	const wait = (ms: number) => {
		nowMs += ms;
		for (const timer of timers.filter(({ atMs }) => atMs <= nowMs)) {
			timers.splice(timers.indexOf(timer), 1);
			timer.act();
		}
	};
	return { pace: paced(clock, work, (begin) => begin()), begun: () => begun, wait };
}

describe("work that is asked for at every change", () => {
	it("is done every time while it is short", () => {
		const { pace, begun } = world(0.2);
		for (let count = 0; count < 5; count++) pace.ask();
		expect(begun()).toBe(5);
	});

	it("rests after a time that was long, and is then done once for all who asked", () => {
		const { pace, begun, wait } = world(10);
		for (let count = 0; count < 5; count++) pace.ask();
		expect(begun()).toBe(1);
		wait(39);
		expect(begun()).toBe(1);
		wait(1);
		expect(begun()).toBe(2);
	});

	it("is not done any more when it is stopped", () => {
		const { pace, begun, wait } = world(10);
		pace.ask();
		pace.ask();
		pace.stop();
		wait(1_000);
		pace.ask();
		expect(begun()).toBe(1);
	});
});
