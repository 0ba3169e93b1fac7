import { describe, expect, it } from "vitest";
import { createLocalPool, LOCAL_IDLE_MS_MAX, LOCAL_SPECS_MAX } from "../../src/node/local-pool.js";
import { validateSpec } from "../../src/node/spec/validate-spec.js";
import type { PreparedImage, RuntimePool, WarmWish } from "../../src/runtime/runtime.js";

const image = { name: "a:1", digest: `sha256:${"a".repeat(64)}` } as PreparedImage;
const spec = (name: string, pool = 2) => validateSpec({ name, pool });

/** A pool that remembers what was wanted, and a clock that the test moves. */
function world() {
	const kept: (readonly WarmWish[])[] = [];
	let nowMs = 0;
	const timers: { atMs: number; act: () => void }[] = [];
	const pool = { keep: (_: string, wishes: readonly WarmWish[]) => void kept.push(wishes) } as unknown as RuntimePool;
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
	const advance = (ms: number) => {
		nowMs += ms;
		for (const timer of timers.filter(({ atMs }) => atMs <= nowMs)) {
			timers.splice(timers.indexOf(timer), 1);
			timer.act();
		}
	};
	const names = () => kept.at(-1)?.map((wish) => wish.spec.name);
	return { local: createLocalPool(pool, clock), kept, names, advance };
}

describe("containers kept ready for local runs", () => {
	it("are wanted from the first run of a spec that asks for them", () => {
		const { local, kept } = world();
		local.note(spec("plain", 0), image);
		expect(kept).toEqual([]);
		local.note(spec("job"), image);
		local.note(spec("job"), image);
		expect(kept).toHaveLength(1);
		expect(kept[0]).toEqual([{ spec: spec("job"), image, passing: true, count: 2 }]);
	});

	it("are of a bounded number of specs: the one not run for the longest time goes", () => {
		const { local, names } = world();
		for (let index = 0; index < LOCAL_SPECS_MAX; index++) local.note(spec(`job-${index}`), image);
		local.note(spec("job-0"), image);
		local.note(spec("new"), image);
		expect(names()).toHaveLength(LOCAL_SPECS_MAX);
		expect(names()).toContain("job-0");
		expect(names()).not.toContain("job-1");
	});

	it("go when none was run for a while", () => {
		const { local, names, advance } = world();
		local.note(spec("job"), image);
		advance(LOCAL_IDLE_MS_MAX);
		expect(names()).toEqual([]);
	});
});
