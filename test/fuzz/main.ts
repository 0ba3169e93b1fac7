// `npm run fuzz -- --minutes 60 [--seed 1]`: malformed, cut, oversized, forged, replayed input for every decoder of bytes from outside, in
// TypeScript and in C, each for its share of the time and in a process of its own. Ends with "N passed, N failed, N skipped".
// `--decoder NAME` runs one of them, `--input N` gives it that one input alone, to see what it does.

import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Decoder } from "./decoder.js";
import { decoders } from "./decoders.js";
import { doorDecoders } from "./door.js";
import { type Exercised, exercise, numbered } from "./exercise.js";

/** A decoder that tells of no input for so long hangs. */
const SILENCE_MS_MAX = 180_000;
const PROGRESS_MS = 1_000;
const SECOND_MS = 1_000;
const all: readonly Decoder[] = [...decoders, ...doorDecoders];

type Word =
	| { readonly kind: "progress"; readonly inputs: number }
	| { readonly kind: "result"; readonly result: Exercised };

async function main(): Promise<number> {
	const { values } = parseArgs({
		options: {
			minutes: { type: "string", default: "1" },
			seed: { type: "string", default: "1" },
			decoder: { type: "string" },
			input: { type: "string" },
			worker: { type: "string" },
		},
	});
	const { seed } = values;
	if (values.worker !== undefined) return work(mustFind(values.worker), seed, Number(values.minutes) * 60 * SECOND_MS);
	const minutes = Number(values.minutes);
	if (!(minutes > 0)) throw new Error(`Cannot fuzz for ${values.minutes} minutes: wanted a number above 0`);
	const chosen = values.decoder === undefined ? all : [mustFind(values.decoder)];
	if (values.input !== undefined) return showOne(chosen[0] as Decoder, seed, Number(values.input));
	const inC = values.decoder === undefined ? decodersInC() : 0;
	const cores = Math.min(availableParallelism(), chosen.length);
	const msEach = (minutes * 60 * SECOND_MS * cores) / (chosen.length + inC);
	const results = await runOnAllCores(chosen, seed, msEach, cores);
	const failed = results.filter(({ failure }) => failure !== null);
	const counts = { passed: results.length - failed.length, failed: failed.length };
	const ofC = inC === 0 ? { passed: 0, failed: 0 } : await fuzzInC((msEach * inC) / cores);
	for (const { name, failure } of failed) console.log(`\n${name}: ${failure}`);
	if (failed.length > 0) console.log(`\nsee one again: npm run fuzz -- --seed ${seed} --decoder NAME --input N`);
	console.log(`${counts.passed + ofC.passed} passed, ${counts.failed + ofC.failed} failed, 0 skipped`);
	return counts.failed + ofC.failed > 0 ? 1 : 0;
}

function mustFind(name: string): Decoder {
	const found = all.find((decoder) => decoder.name === name);
	if (found !== undefined) return found;
	throw new Error(`There is no decoder ${JSON.stringify(name)}; there are: ${all.map((one) => one.name).join("; ")}`);
}

async function runOnAllCores(
	chosen: readonly Decoder[],
	seed: string,
	msEach: number,
	cores: number,
): Promise<readonly Exercised[]> {
	const waiting = [...chosen];
	const results: Exercised[] = [];
	const lane = async () => {
		for (let decoder = waiting.shift(); decoder !== undefined; decoder = waiting.shift()) {
			const result = await inChild(decoder, seed, msEach);
			results.push(result);
			console.log(lineOf(result));
		}
	};
	await Promise.all(Array.from({ length: cores }, lane));
	return results;
}

function lineOf({ name, inputs, refused, accepted, worstMs, bytesGrown, failure }: Exercised): string {
	const grown = bytesGrown === null ? "" : `, ${(bytesGrown / 1024).toFixed(0)} KiB more held`;
	const counts = `${inputs} inputs, ${refused} refused, ${accepted} accepted, worst ${worstMs.toFixed(1)} ms${grown}`;
	return `${failure === null ? "ok  " : "FAIL"} ${name}: ${counts}`;
}

async function inChild(decoder: Decoder, seed: string, ms: number): Promise<Exercised> {
	const args = ["--worker", decoder.name, "--seed", seed, "--minutes", `${ms / 60 / SECOND_MS}`];
	const child = fork(fileURLToPath(import.meta.url), args, { execArgv: ["--expose-gc"] });
	let inputs = 0;
	let result: Exercised | null = null;
	let silent = watch(child);
	child.on("message", (word: Word) => {
		clearTimeout(silent);
		silent = watch(child);
		if (word.kind === "progress") inputs = word.inputs;
		else result = word.result;
	});
	const [code, signal] = await once(child, "exit");
	clearTimeout(silent);
	if (result !== null) return result;
	const failure =
		signal === "SIGKILL"
			? `it hangs after input ${inputs}`
			: `its process ended with ${signal ?? code} after input ${inputs}`;
	return { name: decoder.name, inputs, refused: 0, accepted: 0, worstMs: 0, bytesGrown: null, failure };
}

function watch(child: ChildProcess): NodeJS.Timeout {
	return setTimeout(() => child.kill("SIGKILL"), SILENCE_MS_MAX);
}

async function work(decoder: Decoder, seed: string, ms: number): Promise<number> {
	const startedAtMs = performance.now();
	let toldAtMs = startedAtMs;
	const tell = (word: Word) => new Promise((resolve) => process.send?.(word, resolve));
	const collect = globalThis.gc === undefined ? null : () => void globalThis.gc?.();
	const done = (inputs: number) => {
		const nowMs = performance.now();
		if (nowMs - toldAtMs > PROGRESS_MS) {
			toldAtMs = nowMs;
			void tell({ kind: "progress", inputs });
		}
		return (nowMs - startedAtMs) / ms;
	};
	const result = await exercise(decoder, { seed, done, collect, isTimed: true });
	await tell({ kind: "result", result });
	return 0;
}

async function showOne(decoder: Decoder, seed: string, number: number): Promise<number> {
	const bytes = numbered(decoder, seed, number);
	console.log(`${decoder.name}, seed ${seed}, input ${number}: ${bytes.length} bytes`);
	console.log(Buffer.from(bytes.subarray(0, 2_000)).toString("latin1"));
	const result = await exercise(decoder, {
		seed,
		from: number,
		done: (inputs) => inputs,
		collect: null,
		isTimed: true,
	});
	console.log(lineOf(result));
	if (result.failure !== null) console.log(result.failure);
	return result.failure === null ? 0 : 1;
}

function decodersInC(): number {
	return readdirSync("test/native/fuzz/corpus").length;
}

async function fuzzInC(ms: number): Promise<{ readonly passed: number; readonly failed: number }> {
	const seconds = Math.max(1, Math.round(ms / SECOND_MS));
	console.log(`in C, side by side for ${seconds} s:`);
	const child = spawn("make", ["-s", "-C", "src/native", "fuzz", `SECONDS=${seconds}`], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	let said = "";
	child.stdout.on("data", (bytes: Buffer) => {
		process.stdout.write(bytes);
		said = (said + bytes.toString()).slice(-4_096);
	});
	await once(child, "close");
	const found = /(\d+) passed, (\d+) failed, \d+ skipped\s*$/.exec(said);
	return found === null ? { passed: 0, failed: 1 } : { passed: Number(found[1]), failed: Number(found[2]) };
}

process.exit(await main());
