// Local runs (local-runs.ts) whose spec asks for containers kept ready: those are kept here from the first run of that spec on, until
// none was run for a while. Bounded in specs here and in containers by the runtime.

import type { Clock } from "../clock.js";
import type { Spec } from "../model.js";
import type { PreparedImage, RuntimePool, WarmWish } from "../runtime/runtime.js";
import { specKey } from "../runtime/spec-key.js";

/** The one that was not run for the longest time goes first. */
export const LOCAL_SPECS_MAX = 8;
export const LOCAL_IDLE_MS_MAX = 60_000;

export interface LocalPool {
	/** A run of this spec is about to take one. */
	note(spec: Spec, image: PreparedImage): void;
}

export function createLocalPool(pool: RuntimePool | null, clock: Clock): LocalPool {
	/** In the order of the last run. */
	const wishes = new Map<string, { readonly wish: WarmWish; usedMs: number }>();
	let cancel = () => {};
	const keep = () =>
		pool?.keep(
			"local",
			[...wishes.values()].map(({ wish }) => wish),
		);
	const forget = () => {
		const before = wishes.size;
		const oldestMs = clock.monotonicMs() - LOCAL_IDLE_MS_MAX;
		for (const [key, { usedMs }] of wishes) if (usedMs <= oldestMs) wishes.delete(key);
		if (wishes.size < before) keep();
		if (wishes.size > 0) cancel = clock.after(LOCAL_IDLE_MS_MAX, forget);
	};
	return {
		note(spec, image) {
			if (spec.pool === 0 || pool === null) return;
			const key = `${image.digest} ${specKey(spec)}`;
			const known = wishes.get(key);
			const entry = known ?? { wish: { spec, image, passing: true, count: spec.pool }, usedMs: 0 };
			entry.usedMs = clock.monotonicMs();
			wishes.delete(key);
			wishes.set(key, entry);
			if (known !== undefined) return;
			for (const oldest of [...wishes.keys()].slice(0, -LOCAL_SPECS_MAX)) wishes.delete(oldest);
			keep();
			cancel();
			cancel = clock.after(LOCAL_IDLE_MS_MAX, forget);
		},
	};
}
