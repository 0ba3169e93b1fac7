// A few inputs for every decoder; `npm run fuzz` gives them many more and looks at time and memory, too.

import { expect, test } from "vitest";
import { decoders } from "./decoders.js";
import { exercise } from "./exercise.js";

const INPUTS = 60;
const SEED = "1";
/** A second each on an idle machine. */
const MS_MAX = 240_000;

test.each(decoders.map((decoder) => [decoder.name, decoder] as const))(
	"%s: answers or refuses",
	async (_, decoder) => {
		const { failure, refused } = await exercise(decoder, {
			seed: SEED,
			done: (inputs) => inputs / INPUTS,
			collect: null,
			isTimed: false,
		});
		expect(failure).toBeNull();
		expect(refused).toBeGreaterThan(0);
	},
	MS_MAX,
);

test("no two decoders have one name", () => {
	expect(new Set(decoders.map(({ name }) => name)).size).toBe(decoders.length);
});
