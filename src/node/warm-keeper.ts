// Specs that ask for containers kept ready (`pool`), on every node that may run them: tells the runtime what to make ahead. Must never
// decide where a container runs; a node that cannot get the image keeps nothing ready.

import { containerIdOf, type Spec } from "../model.js";
import type { WarmWish } from "../runtime/runtime.js";
import { decide } from "./placement.js";
import type { NodePorts } from "./ports.js";

/** Changes of the view in between are one. */
const SOON_MS = 200;

export type WarmPorts = Pick<NodePorts, "state" | "membership" | "runtime" | "images" | "clock" | "logger">;

/** What is wanted ready here, in the order of names. */
export function specsKeptReady({ state, membership }: Pick<WarmPorts, "state" | "membership">): readonly Spec[] {
	const view = state.view();
	const asking = [...view.specs.values()].filter(
		(record) => record.spec.pool > 0 && !record.removed && record.desired === "running",
	);
	const mayRunHere = (spec: Spec) => {
		const { rows } = decide({ view, membership, pending: [] }, spec, containerIdOf(spec.name, 0), []);
		return rows.some((row) => row.node === state.self && row.refusals.length === 0);
	};
	return asking
		.map(({ spec }) => spec)
		.filter(mayRunHere)
		.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** Begins to keep containers ready; the returned function ends that. */
export function keepWarm(ports: WarmPorts): () => void {
	const { state, runtime, images, clock, logger } = ports;
	const { pool } = runtime;
	if (pool === null) return () => {};
	let told = "[]";
	let cancel: (() => void) | null = null;
	const ended = new AbortController();
	const wishOf = async (spec: Spec): Promise<WarmWish> => {
		const holders = state.view().images.filter((image) => image.name === spec.image);
		const image = await images.ensure(
			spec.image,
			holders.map((held) => held.node),
			ended.signal,
		);
		return { spec, image, passing: false, count: spec.pool };
	};
	const look = async () => {
		const specs = specsKeptReady(ports);
		const key = JSON.stringify(specs);
		if (key === told) return;
		told = key;
		const wishes = await Promise.allSettled(specs.map(wishOf));
		if (ended.signal.aborted) return;
		for (const wish of wishes)
			if (wish.status === "rejected")
				logger.warn("nothing is kept ready of a workload", { error: String(wish.reason) });
		pool.keep(
			"cluster",
			wishes.flatMap((wish) => (wish.status === "fulfilled" ? [wish.value] : [])),
		);
	};
	const lookSoon = () => {
		cancel ??= clock.after(SOON_MS, () => {
			cancel = null;
			look().catch((error: unknown) => logger.error("nothing can be kept ready", { error: String(error) }));
		});
	};
	const unsubscribe = state.subscribe(lookSoon);
	lookSoon();
	return () => {
		ended.abort(new Error("the daemon is stopping"));
		unsubscribe();
		cancel?.();
	};
}
