// Gives one decoder one input after the other and judges what it does with them.
// Must never: depend on anything but seed and number for what an input is, so that each can be made again.

import { SwarmError } from "../../src/errors.js";
import { createSimChance } from "../cluster/sim/sim-chance.js";
import { inputOf } from "./change.js";
import { type Decoder, MS_MAX } from "./decoder.js";

export interface Exercised {
	readonly name: string;
	readonly inputs: number;
	readonly refused: number;
	readonly accepted: number;
	/** Of this process's processor time. */
	readonly worstMs: number;
	/** After a collection, between the first part of the inputs and the last; null where it cannot be measured. */
	readonly bytesGrown: number | null;
	/** null: as it should be. */
	readonly failure: string | null;
}

export interface Exercise {
	readonly seed: string;
	/** How much of it is done after so many inputs; 1 ends it. */
	done(inputs: number): number;
	/** Runs a full collection; null: memory is not looked at. */
	readonly collect: (() => void) | null;
	/** Whether an input that takes too long counts. */
	readonly isTimed: boolean;
	/** Number of the first input, 0 unless one is to be seen again. */
	readonly from?: number;
}

/** A decoder that keeps something for each input passes it within seconds. */
const GROWN_BYTES_MAX = 2 * 1024 * 1024;
const LOOKS = 10;
const LOOK_MS = 50;
const SETTLE_MS_MAX = 60_000;
const REPEATS = 5;
/** Parts of the whole: before the first look at the memory caches fill and functions are compiled. A third look comes at the end. */
const LOOKS_AT = [0.3, 0.65];

/** One input by its number. */
export function numbered(decoder: Decoder, seed: string, number: number): Uint8Array {
	return inputOf(decoder, chanceFor(decoder, seed, number));
}

function chanceFor(decoder: Decoder, seed: string, number: number) {
	return createSimChance(`${seed}/${decoder.name}/${number}`);
}

export async function exercise(decoder: Decoder, options: Exercise): Promise<Exercised> {
	const { seed, collect } = options;
	const first = options.from ?? 0;
	const counts = { inputs: 0, refused: 0, accepted: 0 };
	let worstMs = 0;
	const held: number[] = [];
	let failure: string | null = null;
	for (; failure === null && options.done(counts.inputs) < 1; counts.inputs++) {
		const number = first + counts.inputs;
		const bytes = numbered(decoder, seed, number);
		const judged = await judge(decoder, options, number, bytes);
		worstMs = Math.max(worstMs, judged.ms);
		counts[judged.outcome]++;
		if (judged.failure !== null) failure = `input ${number} (${bytes.length} bytes): ${judged.failure}`;
		const look = LOOKS_AT[held.length];
		if (collect !== null && look !== undefined && options.done(counts.inputs + 1) >= look)
			held.push(await bytesHeld(collect, enough(held)));
	}
	if (collect !== null && held.length === LOOKS_AT.length) held.push(await bytesHeld(collect, enough(held)));
	await decoder.close?.();
	const bytesGrown = grownBetween(held);
	if (failure === null && bytesGrown !== null && bytesGrown > GROWN_BYTES_MAX)
		failure = `it holds ${(bytesGrown / 1024 ** 2).toFixed(1)} MiB more than before, wanted at most ${GROWN_BYTES_MAX / 1024 ** 2}`;
	return { name: decoder.name, ...counts, worstMs, bytesGrown, failure };
}

/** Above this the decoder may have grown since the last look. */
function enough(held: readonly number[]): number {
	return (held.at(-1) ?? 0) + GROWN_BYTES_MAX;
}

/** What is kept for each input grows from each look to the next; what is loaded once, late, by a rare input does not. */
function grownBetween([first, second, third]: readonly number[]): number | null {
	if (first === undefined || second === undefined || third === undefined) return null;
	return Math.min(second - first, third - second);
}

interface Judged {
	readonly outcome: "accepted" | "refused";
	readonly ms: number;
	readonly failure: string | null;
}

async function judge(
	decoder: Decoder,
	{ seed, isTimed }: Exercise,
	number: number,
	bytes: Uint8Array,
): Promise<Judged> {
	const msMax = isTimed ? (decoder.msMax ?? MS_MAX) : Number.POSITIVE_INFINITY;
	let judged = await once(decoder, seed, number, bytes);
	// A collection may have come in between: only what is slow each time is slow.
	for (let count = 0; count < REPEATS && judged.ms > msMax && judged.failure === null; count++) {
		const again = await once(decoder, seed, number, bytes);
		judged = { ...again, ms: Math.min(judged.ms, again.ms) };
	}
	const failure = judged.failure ?? (judged.ms > msMax ? `it took ${judged.ms.toFixed(0)} ms` : null);
	return { ...judged, failure };
}

async function once(decoder: Decoder, seed: string, number: number, bytes: Uint8Array): Promise<Judged> {
	// What a decoder does to its input is no business of the next look at it.
	const given = Uint8Array.from(bytes);
	const chance = chanceFor(decoder, seed, number).split("arrival");
	const before = process.cpuUsage();
	const ms = () => {
		const { user, system } = process.cpuUsage(before);
		return (user + system) / 1_000;
	};
	try {
		const answer = decoder.read(given, chance);
		const settled = answer instanceof Promise ? await inTime(answer) : answer;
		return { outcome: settled === null ? "refused" : "accepted", ms: ms(), failure: null };
	} catch (thrown) {
		return { outcome: "refused", ms: ms(), failure: flawOf(thrown) };
	}
}

/** null for an error as it should be. */
function flawOf(thrown: unknown): string | null {
	if (!(thrown instanceof SwarmError)) return `it threw ${thrown instanceof Error ? thrown.stack : String(thrown)}`;
	const { cause } = thrown;
	if (thrown.code !== "failed" || cause === undefined) return null;
	return `it threw an error of others as ours: ${cause instanceof Error ? cause.stack : thrown.stack}`;
}

async function inTime(answer: Promise<unknown>): Promise<unknown> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`no answer within ${SETTLE_MS_MAX} ms`)), SETTLE_MS_MAX);
	});
	try {
		return await Promise.race([answer, late]);
	} finally {
		clearTimeout(timer);
	}
}

/** The least that is seen; up to `enough` is looked at once. Buffers are freed beside the program, a little later. */
async function bytesHeld(collect: () => void, enough = 0): Promise<number> {
	let least = Number.POSITIVE_INFINITY;
	for (let look = 0; look < LOOKS && least > enough; look++) {
		collect();
		await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
		const { heapUsed, external } = process.memoryUsage();
		least = Math.min(least, heapUsed + external);
	}
	return least;
}
