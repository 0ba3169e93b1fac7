import { array, assert, boolean, constant, integer, nat, property, record, shuffledSubarray, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import {
	type Count,
	DOWN_MS_MAX,
	DOWN_MS_MIN,
	HEARTBEAT_MS,
	heard,
	type Life,
	livenessOf,
	refuted,
	SUSPECT_MS_MAX,
	SUSPECT_MS_MIN,
	suspicion,
	watched,
} from "../../src/mesh/liveness.js";

const count = (incarnation: number, sequence: number, left = false): Count => ({ incarnation, sequence, left });

/** Heard `beats` times with the given intervals, repeated. */
function rhythmic(intervalsMs: readonly number[], beats = 40): { life: Life; nowMs: number } {
	let nowMs = 0;
	let life = watched(nowMs);
	for (let beat = 0; beat < beats; beat++) {
		nowMs += intervalsMs[beat % intervalsMs.length] ?? HEARTBEAT_MS;
		life = heard(life, count(1, beat), nowMs);
	}
	return { life, nowMs };
}

describe("liveness", () => {
	test("is suspect before the first heartbeat, and down when none comes", () => {
		const life = watched(1_000);
		expect(livenessOf(life, 1_000)).toBe("suspect");
		expect(livenessOf(life, 1_000 + DOWN_MS_MIN - 1)).toBe("suspect");
		expect(livenessOf(life, 1_000 + DOWN_MS_MIN)).toBe("down");
	});

	test("turns from alive to suspect after about 3 s of silence and to down after about 7 s", () => {
		const { life, nowMs } = rhythmic([1_000, 990, 1_020]);
		expect(livenessOf(life, nowMs + SUSPECT_MS_MIN - 1)).toBe("alive");
		expect(livenessOf(life, nowMs + SUSPECT_MS_MIN)).toBe("suspect");
		expect(livenessOf(life, nowMs + DOWN_MS_MIN - 1)).toBe("suspect");
		expect(livenessOf(life, nowMs + DOWN_MS_MIN)).toBe("down");
	});

	test("gives a node with an uneven rhythm more time, but not for ever", () => {
		const { life, nowMs } = rhythmic([500, 3_500, 1_000, 5_000]);
		expect(livenessOf(life, nowMs + 5_000)).toBe("alive");
		expect(livenessOf(life, nowMs + SUSPECT_MS_MAX)).not.toBe("alive");
		expect(livenessOf(life, nowMs + DOWN_MS_MAX)).toBe("down");
	});

	test("comes back with the next higher count, and does not take the outage for a rhythm", () => {
		const { life, nowMs } = rhythmic([1_000]);
		const back = heard(life, count(1, 1_000), nowMs + 60_000);
		expect(livenessOf(back, nowMs + 60_000)).toBe("alive");
		expect(Math.max(...back.intervalsMs)).toBeLessThan(DOWN_MS_MIN);
	});

	test("does not take repeated or older counts for news", () => {
		const { life, nowMs } = rhythmic([1_000], 10);
		expect(heard(life, count(1, 9), nowMs + 5_000)).toBe(life);
		expect(heard(life, count(0, 99), nowMs + 5_000)).toBe(life);
	});

	test("stays left until the node starts again", () => {
		const { life, nowMs } = rhythmic([1_000], 10);
		const left = heard(life, count(1, 10, true), nowMs);
		expect(livenessOf(left, nowMs)).toBe("left");
		expect(livenessOf(heard(left, count(1, 11), nowMs + 1_000), nowMs + 1_000)).toBe("left");
		expect(livenessOf(heard(left, count(2, 0), nowMs + 1_000), nowMs + 1_000)).toBe("alive");
	});

	test("suspicion rises with silence and never falls", () => {
		assert(
			property(
				array(integer({ min: 100, max: 6_000 }), { maxLength: 32 }),
				nat(20_000),
				nat(20_000),
				(seen, one, more) => {
					expect(suspicion(seen, one + more)).toBeGreaterThanOrEqual(suspicion(seen, one) - 1e-9);
				},
			),
		);
	});

	test("the count known in the end does not depend on the order in which news came", () => {
		const news = record({ incarnation: nat(3), sequence: nat(50), left: boolean() });
		const twoOrders = array(news, { minLength: 1, maxLength: 20 }).chain((all) =>
			tuple(constant(all), shuffledSubarray(all, { minLength: all.length })),
		);
		const countAfter = (all: readonly Count[]) => all.reduce((life, next) => heard(life, next, 0), watched(0)).count;
		assert(
			property(twoOrders, ([all, other]) => {
				expect(countAfter(other)).toEqual(countAfter(all));
				expect(countAfter([...all, ...other])).toEqual(countAfter(all));
			}),
		);
	});
});

describe("refutation", () => {
	test("goes on with a higher incarnation when others know more than is true", () => {
		expect(refuted(count(4, 10), count(4, 9))).toBe(4);
		expect(refuted(count(4, 10), count(4, 11))).toBe(5);
		expect(refuted(count(4, 10), count(7, 1))).toBe(8);
		expect(refuted(count(4, 10), count(4, 3, true))).toBe(5);
		expect(refuted(count(4, 10, true), count(4, 10, true))).toBe(4);
		expect(refuted(count(4, 10), count(3, 99, true))).toBe(4);
	});
});
