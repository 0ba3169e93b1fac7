// The decision: filters, then scores, then the whole matrix with a sentence for every node. Pure and deterministic:
// the same nodes in any order give the same decision on every machine. Ties go by rendezvous hashing of (workload,
// node), so that equal nodes share equal workloads.

import { createHash } from "node:crypto";
import { refusalsOf } from "./filters.js";
import type { Decision, Factor, NodeRow, NodeSnapshot, ScheduleRequest } from "./schedule.js";
import { factorsOf, totalOf } from "./scores.js";

/** Scores nearer than this are a tie: the difference is noise of the readings, not a reason. */
const TIE = 0.001;
/** Losing factors named in a reason. */
const REASONS_MAX = 2;

export function schedule(nodes: readonly NodeSnapshot[], request: ScheduleRequest): Decision {
	const feasible: Candidate[] = [];
	const refused: NodeRow[] = [];
	for (const node of nodes) {
		const refusals = refusalsOf(node, request);
		if (refusals.length > 0) refused.push(refusedRow(node, refusals));
		else feasible.push(candidateOf(node, request));
	}
	feasible.sort(betterFirst);
	refused.sort((left, right) => compareText(left.node, right.node));
	const winner = feasible[0] ?? null;
	const rows = feasible.map((candidate) => rowOf(candidate, winner, feasible[1] ?? null));
	return { node: winner?.node.node ?? null, rows: [...rows, ...refused] };
}

/** Weight of a node for a workload by rendezvous hashing (Thaler and Ravishankar, 1998): 0 to 2^32. */
export function rendezvousWeight(workload: string, node: string): number {
	return createHash("sha256").update(`${workload}\0${node}`).digest().readUInt32BE(0);
}

interface Candidate {
	readonly node: NodeSnapshot;
	readonly factors: readonly Factor[];
	readonly score: number;
	/** The score in steps of TIE: comparing steps keeps the order transitive. */
	readonly step: number;
	readonly rank: number;
}

function candidateOf(node: NodeSnapshot, request: ScheduleRequest): Candidate {
	const factors = factorsOf(node, request);
	const score = totalOf(factors);
	return { node, factors, score, step: Math.round(score / TIE), rank: rendezvousWeight(request.spec.name, node.node) };
}

function betterFirst(left: Candidate, right: Candidate): number {
	return right.step - left.step || right.rank - left.rank || compareText(left.node.node, right.node.node);
}

function compareText(left: string, right: string): number {
	return left < right ? -1 : left > right ? 1 : 0;
}

function refusedRow(node: NodeSnapshot, refusals: NodeRow["refusals"]): NodeRow {
	const reason = `${node.name} was refused: ${refusals.map((refusal) => refusal.reason).join("; ")}.`;
	return { node: node.node, name: node.name, refusals, factors: [], score: null, reason };
}

function rowOf(candidate: Candidate, winner: Candidate | null, second: Candidate | null): NodeRow {
	const { node, factors, score } = candidate;
	const reason =
		winner === null || candidate === winner ? winningReason(candidate, second) : losingReason(candidate, winner);
	return { node: node.node, name: node.name, refusals: [], factors, score, reason };
}

function winningReason(winner: Candidate, second: Candidate | null): string {
	const { name } = winner.node;
	if (second === null) return `${name} won: it is the only node that may run it.`;
	if (winner.step === second.step) return `${name} won a tie with ${second.node.name} by its hash.`;
	const better = differences(winner, second).map((each) => inWords(each, winner.node.name, second.node.name));
	return `${name} won with ${winner.score.toFixed(3)} before ${second.node.name} with ${second.score.toFixed(3)}: ${better.join("; ")}.`;
}

function losingReason(loser: Candidate, winner: Candidate): string {
	const { name } = loser.node;
	if (winner.step === loser.step) return `${name} lost a tie with ${winner.node.name} by its hash.`;
	const worse = differences(winner, loser).map((each) => inWords(each, winner.node.name, name));
	return `${name} lost to ${winner.node.name} with ${loser.score.toFixed(3)} against ${winner.score.toFixed(3)}: ${worse.join("; ")}.`;
}

interface Difference {
	readonly name: string;
	readonly better: string;
	readonly worse: string;
	readonly weight: number;
}

/** The factors that made the better one better, heaviest first. */
function differences(better: Candidate, worse: Candidate): readonly Difference[] {
	return better.factors
		.flatMap((factor, index) => {
			const other = worse.factors[index];
			if (other === undefined) return [];
			const weight = (factor.score - other.score) * factor.weight;
			return weight > 0 ? [{ name: factor.name, better: factor.raw, worse: other.raw, weight }] : [];
		})
		.sort((left, right) => right.weight - left.weight || compareText(left.name, right.name))
		.slice(0, REASONS_MAX);
}

function inWords(difference: Difference, better: string, worse: string): string {
	return `${difference.name} is ${difference.better} on ${better}, ${difference.worse} on ${worse}`;
}
