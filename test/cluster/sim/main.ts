// `npm run sim -- --seeds 10000` runs seeds 1 to 10,000 on all cores and prints broken promises and the worst time to heal; `--seed N` one of
// them, with `--trace` every line of what happened. `--nodes N` fixes the size of the clusters, `--break NAME` breaks a rule on purpose (breaks.ts).
// Ends with code 1 when a promise was broken, and says how to see it again.

import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { breaks, isBreak } from "./breaks.js";
import { runScenario, type ScenarioOptions, type ScenarioResult } from "./scenario.js";

/** A long run says how far it is. */
const SEEDS_A_WORD = 500;

/** What a worker tells of one seed. */
interface Outcome extends Pick<ScenarioResult, "seed" | "nodeCount" | "virtualMs" | "counts" | "healedMs"> {
	readonly faults: number;
	/** null: every promise was kept. */
	readonly broken: string | null;
}

interface Job {
	readonly seeds: readonly string[];
	readonly options: Omit<ScenarioOptions, "trace">;
}

async function outcomeOf(seed: string, options: ScenarioOptions): Promise<Outcome> {
	const { failure, faults, ...rest } = await runScenario(seed, options);
	const isOwn = failure === null || failure.name === "BrokenPromise";
	const broken = failure === null ? null : isOwn ? failure.message : `${failure.stack} ${failure.cause ?? ""}`;
	return { ...rest, faults: [...faults.values()].reduce((sum, count) => sum + count, 0), broken };
}

async function work({ seeds, options }: Job): Promise<void> {
	for (const seed of seeds) parentPort?.postMessage(await outcomeOf(seed, options));
}

/** Dealt in turn, so that large clusters fall on all cores. */
function runOnAllCores(job: Job, take: (outcome: Outcome) => void): Promise<unknown> {
	const count = Math.min(availableParallelism(), job.seeds.length);
	return Promise.all(
		Array.from({ length: count }, (_, part) => {
			const seeds = job.seeds.filter((_seed, index) => index % count === part);
			const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { ...job, seeds } });
			worker.on("message", take);
			return new Promise<void>((resolve, reject) => {
				worker.once("error", reject);
				worker.once("exit", () => resolve());
			});
		}),
	);
}

async function main(): Promise<void> {
	const { values } = parseArgs({
		options: {
			seeds: { type: "string", default: "200" },
			seed: { type: "string" },
			nodes: { type: "string" },
			break: { type: "string" },
			trace: { type: "boolean", default: false },
		},
	});
	const broken = values.break ?? null;
	if (broken !== null && !isBreak(broken)) {
		console.error(`There is no rule ${broken} to break; there are ${Object.keys(breaks).join(", ")}`);
		process.exitCode = 2;
		return;
	}
	const options = { nodeCount: values.nodes === undefined ? null : Number(values.nodes), broken };
	const startedAtMs = performance.now();
	const outcomes: Outcome[] = [];
	const take = (outcome: Outcome) => {
		outcomes.push(outcome);
		if (outcomes.length % SEEDS_A_WORD === 0) console.log(`${outcomes.length} seeds seen`);
		if (outcome.broken !== null) console.log(`seed ${outcome.seed} (${outcome.nodeCount} nodes): ${outcome.broken}`);
	};
	if (values.seed !== undefined) {
		const trace = values.trace ? (line: string) => console.log(line) : null;
		take(await outcomeOf(values.seed, { ...options, trace }));
	} else {
		const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => `${index + 1}`);
		await runOnAllCores({ seeds, options }, take);
	}
	report(outcomes, (performance.now() - startedAtMs) / 1000, broken);
}

function report(outcomes: readonly Outcome[], tookS: number, broken: string | null): void {
	const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0);
	const failed = outcomes.filter((outcome) => outcome.broken !== null).sort((a, b) => Number(a.seed) - Number(b.seed));
	const [deployed, moved, removed, refused] = (["deployed", "moved", "removed", "refused"] as const).map((what) =>
		sum(({ counts }) => counts[what]),
	);
	const most = outcomes.reduce((largest, { nodeCount }) => Math.max(largest, nodeCount), 0);
	console.log(
		`${outcomes.length} seeds of up to ${most} nodes, ${(sum(({ virtualMs }) => virtualMs) / 60_000).toFixed(0)} virtual minutes in ` +
			`${tookS.toFixed(1)} s: ${deployed} deployed, ${moved} moved, ${removed} removed, ${refused} refused, ${sum(({ faults }) => faults)} faults`,
	);
	const worst = outcomes.reduce<Outcome | null>(
		(slowest, one) => ((one.healedMs ?? 0) > (slowest?.healedMs ?? -1) ? one : slowest),
		null,
	);
	const healed =
		worst === null ? "" : `; healed after ${((worst.healedMs ?? 0) / 1000).toFixed(1)} s at worst (seed ${worst.seed})`;
	console.log(`${failed.length} violations${healed}`);
	const [first] = failed;
	const how = broken === null ? "" : ` --break ${broken}`;
	if (first !== undefined) console.log(`see one again: npm run sim -- --seed ${first.seed} --trace${how}`);
	process.exitCode = failed.length > 0 ? 1 : 0;
}

if (isMainThread) await main();
else await work(workerData as Job);
