// What users and runtimes do all day, as one node sees it: workloads come, change, restart and go, under names that never come again.
// Every step is one change of the replicated state.

import type { State } from "../../src/crdt/state.js";
import type { ContainerRecord, Phase, SpecRecord } from "../../src/model.js";
import type { SimChance } from "../cluster/sim/sim-chance.js";
import { aClaim, aContainer, anImage, aSpecRecord } from "../crdt/records.js";

/** Workloads of one node at a time. */
const LIVE_MAX = 8;
/** About as many as until a document is opened anew. */
const CHANGES_BEFORE_MAX = 220;
const phases: readonly Phase[] = ["running", "paused", "running", "stopped", "running"];

interface Workload {
	readonly spec: SpecRecord;
	readonly container: ContainerRecord;
	readonly epoch: number;
}

export interface Life {
	/** One change. */
	step(): Promise<void>;
	/** Changes that were made long ago: each node begins with another number of workloads, and somewhere else in its document. */
	remember(): Promise<void>;
}

export function createLife(state: State, name: string, chance: SimChance): Life {
	const live: Workload[] = [];
	let made = 0;

	const deploy = async () => {
		made++;
		const workload = `${name}-${made}`;
		const spec = aSpecRecord(state.self, workload, { time: state.time() });
		const container = aContainer(state.self, `${workload}.0`, { phase: "created" });
		live.push({ spec, container, epoch: 1 });
		await state.commit([spec, aClaim(state.self, `${workload}.0`, { time: state.time() }), container]);
	};
	const change = (at: number, next: Partial<Workload>): Workload => {
		const changed = { ...(live[at] as Workload), ...next };
		live[at] = changed;
		return changed;
	};
	const label = async (at: number) => {
		const { spec } = live[at] as Workload;
		const labels = { tier: chance.pick(["a", "b", "c"]), turn: `${spec.revision}` };
		const revised = { ...spec, revision: spec.revision + 1, time: state.time(), spec: { ...spec.spec, labels } };
		await state.commit([change(at, { spec: revised }).spec]);
	};
	const turnPhase = (at: number) => {
		const { container } = live[at] as Workload;
		const turned = { ...container, phase: chance.pick(phases), startedAtMs: Math.floor(chance.between(1, 1e9)) };
		state.put([change(at, { container: turned }).container]);
	};
	const restart = async (at: number) => {
		const { container, epoch } = live[at] as Workload;
		const again = change(at, { epoch: epoch + 1, container: { ...container, epoch: epoch + 1, phase: "running" } });
		const claim = { epoch: again.epoch, reason: "restarted", restarts: epoch, time: state.time() } as const;
		await state.commit([aClaim(state.self, container.container, claim), again.container]);
	};
	const remove = async (at: number) => {
		const [{ spec, container }] = live.splice(at, 1) as [Workload];
		await state.commit([{ ...spec, revision: spec.revision + 1, time: state.time(), removed: true }]);
		state.put([], [`container/${container.container}`]);
	};

	const step = async () => {
		const at = chance.below(Math.max(1, live.length));
		const kind = chance.below(10);
		if (live.length === 0 || (kind < 2 && live.length < LIVE_MAX)) await deploy();
		else if (kind < 4) await remove(at);
		else if (kind < 6) await label(at);
		else if (kind < 7) await restart(at);
		else if (kind < 8) await state.commit([anImage(state.self, `image-${chance.below(4)}`)]);
		else turnPhase(at);
	};

	return {
		step,
		async remember() {
			for (let left = 1 + chance.below(CHANGES_BEFORE_MAX); left > 0; left--) await step();
		},
	};
}
