// What kind of run a seed is: which faults come how often, and what the user is busy with.

import type { FaultKind } from "./faults.js";
import type { SimChance } from "./sim-chance.js";

export interface Weather {
	/** Share of the steps that begin a fault instead of something that the user asks for. */
	readonly faultShare: number;
	readonly stepMsMax: number;
	/** How often each fault is drawn, against the others. */
	readonly weights: readonly (readonly [FaultKind, number])[];
	/** `everything`: all that a user can ask for. `owner`: exclusive workloads that stay, moved now and then. */
	readonly user: "everything" | "owner";
}

const mixed: Weather = {
	faultShare: 0.3,
	stepMsMax: 2_500,
	weights: [
		["partition", 3],
		["one-way", 2],
		["daemon killed", 3],
		["daemon restarted", 3],
		["power cut", 2],
		["daemon paused", 2],
		["broken connection", 3],
		["disk full", 1],
		["slow network", 1],
		["failing runtime", 1],
		["nodes join", 1],
	],
	user: "everything",
};

/** Nothing that can split a cluster. */
const gentle: Weather = {
	...mixed,
	weights: [
		["daemon restarted", 1],
		["broken connection", 1],
		["slow network", 1],
		["failing runtime", 1],
		["disk full", 1],
		["nodes join", 1],
	],
};

/** Faults all the time, for who owns what. */
const storm: Weather = {
	faultShare: 0.6,
	stepMsMax: 4_500,
	weights: [
		["partition", 9],
		["one-way", 3],
		["daemon killed", 2],
		["power cut", 3],
		["daemon paused", 3],
		["broken connection", 1],
		["slow network", 2],
		["disk full", 1],
		["nodes join", 1],
		["nodes join a minority", 3],
	],
	user: "owner",
};

export function weatherOf(chance: SimChance, nodeCount: number): Weather {
	const draw = chance.fraction();
	if (draw < 0.4 && nodeCount > 2) return storm;
	return draw < 0.7 ? mixed : gentle;
}

export function drawFault({ weights }: Weather, fraction: number): FaultKind {
	let left = fraction * weights.reduce((sum, [, weight]) => sum + weight, 0);
	for (const [kind, weight] of weights) {
		left -= weight;
		if (left < 0) return kind;
	}
	return "broken connection";
}
