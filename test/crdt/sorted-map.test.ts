import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { compareText } from "../../src/crdt/canonical.js";
import { LEAF_MAX, SortedMap } from "../../src/crdt/sorted-map.js";

/** Few enough keys that they meet, many enough for several leaves. */
const key = fc.integer({ min: 0, max: 6 * LEAF_MAX }).map((number) => `k${number}`);
const value = fc.option(fc.integer({ min: 0, max: 5 }), { freq: 3 });
const changes = fc.array(fc.tuple(key, value), { maxLength: 200 }).map((entries) => new Map(entries));

function apply(model: ReadonlyMap<string, number>, given: ReadonlyMap<string, number | null>) {
	const next = new Map(model);
	for (const [key, value] of given) {
		if (value === null) next.delete(key);
		else next.set(key, value);
	}
	return new Map([...next].sort(([a], [b]) => compareText(a, b)));
}

test("is a map in the order of its keys, of which every version stays what it was", () => {
	fc.assert(
		fc.property(fc.array(changes, { maxLength: 12 }), (steps) => {
			const versions: [SortedMap<string, number>, ReadonlyMap<string, number>][] = [
				[SortedMap.empty<string, number>(), new Map()],
			];
			for (const given of steps) {
				const [map, model] = versions.at(-1) as [SortedMap<string, number>, ReadonlyMap<string, number>];
				versions.push([map.with(given), apply(model, given)]);
			}
			for (const [map, model] of versions) {
				expect([...map]).toEqual([...model]);
				expect([...map.keys(), ...map.values()]).toEqual([...model.keys(), ...model.values()]);
				expect(map.size).toBe(model.size);
				for (const key of ["", "k", "k7", "zzz", ...model.keys()]) {
					expect([map.get(key), map.has(key)]).toEqual([model.get(key), model.has(key)]);
				}
			}
			for (const [before] of versions) {
				for (const [after, model] of versions) {
					const differing = [...model].filter(([key, value]) => before.get(key) !== value);
					expect([...after.changedSince(before)]).toEqual(differing);
				}
			}
		}),
	);
});

test("is itself when nothing differs", () => {
	const map = SortedMap.empty<string, number>().with(
		new Map([
			["a", 1],
			["b", 2],
		]),
	);
	expect(map.with(new Map([["a", 1]]))).toBe(map);
	expect(map.with(new Map([["c", null]]))).toBe(map);
	expect(map.with(new Map())).toBe(map);
});

test("what differs after one change of many is found in one leaf", () => {
	const entries = Array.from({ length: 10_000 }, (_, index) => [`k${index}`, { index }] as const);
	const before = SortedMap.empty<string, { index: number }>().with(new Map(entries));
	const after = before.with(new Map([["k5000", { index: -1 }]]));
	const get = vi.spyOn(before, "get");
	expect([...after.changedSince(before)]).toEqual([["k5000", { index: -1 }]]);
	expect(get.mock.calls.length).toBeLessThanOrEqual(LEAF_MAX);
});
