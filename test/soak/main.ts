// `npm run test:soak -- --nodes 32 --rate 10 --minutes 30 [--seed 1]`: that many nodes on this machine, each in a process of its own, that many
// changes a second over all of them. Prints a line a minute, and at the end how memory grew after the first five minutes (the first
// third of a shorter run), how large documents are, and whether all nodes see the same. Ends with code 1 when one of these is not as
// promised.

import { type ChildProcess, fork } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Growth, growthOf, median } from "./growth.js";
import { runSoakNode, type SoakOrder, type SoakSample } from "./node.js";

const NODES_MAX = 64;
const SETTLE_MINUTES = 5;
/** A full collection in every process costs as much as many changes. */
const SAMPLES_PER_MINUTE = 1;
/** Memory is flat when the line through its samples rises by less than this share until the end: of the median node, of the worst. */
const MEDIAN_SHARE_MAX = 0.05;
const WORST_SHARE_MAX = 0.1;
/** Changes come by chance: of those asked for. */
const RATE_SHARE_MIN = 0.9;
const EQUAL_MS_MAX = 120_000;
const MB = 1_000_000;

interface Moment {
	readonly minutes: number;
	readonly samples: readonly SoakSample[];
}

async function main(): Promise<number> {
	const { values } = parseArgs({
		options: {
			nodes: { type: "string", default: "32" },
			rate: { type: "string", default: "10" },
			minutes: { type: "string", default: "30" },
			seed: { type: "string", default: "1" },
		},
	});
	const [count, rate, minutes] = [Number(values.nodes), Number(values.rate), Number(values.minutes)];
	if (!(Number.isInteger(count) && count >= 2 && count <= NODES_MAX && rate > 0 && minutes > 0)) {
		console.error(`Cannot soak: wanted --nodes from 2 to ${NODES_MAX}, --rate and --minutes above 0`);
		return 2;
	}
	const nodes = Array.from({ length: count }, () => new SoakProcess());
	const each = <T>(order: SoakOrder) => Promise.all(nodes.map((node) => node.tell<T>(order)));
	try {
		await connectAll(nodes, values.seed);
		await each({ order: "live", perSecond: rate / count });
		const moments = await watch(() => inTurn(nodes), minutes);
		await each({ order: "rest" });
		const isEqual = await untilEqual(() => each<string>({ order: "hash" }));
		return judge(moments, { minutes, rate, isEqual }) ? 0 : 1;
	} finally {
		await Promise.all(nodes.map((node) => node.end()));
	}
}

async function connectAll(nodes: readonly SoakProcess[], seed: string): Promise<void> {
	const [first, ...others] = nodes as [SoakProcess, ...SoakProcess[]];
	const addresses = [await first.tell<string>({ order: "open", name: "n0", token: null, seed })];
	const token = await first.tell<string>({ order: "token", uses: nodes.length });
	// One after the other: all at once on one machine take each other's time until their handshakes are given up.
	for (const [at, node] of others.entries()) {
		addresses.push(await node.tell<string>({ order: "open", name: `n${at + 1}`, token, seed }));
		await node.tell({ order: "connect", addresses });
	}
	await Promise.all(nodes.map((node) => node.tell({ order: "connect", addresses })));
	console.log(`${nodes.length} nodes, each connected with every other`);
}

/** One node after the other: what is measured does not stand in the way of what goes on. */
async function inTurn(nodes: readonly SoakProcess[]): Promise<readonly SoakSample[]> {
	const samples: SoakSample[] = [];
	for (const node of nodes) samples.push(await node.tell<SoakSample>({ order: "sample" }));
	return samples;
}

async function watch(look: () => Promise<readonly SoakSample[]>, minutes: number): Promise<readonly Moment[]> {
	const moments: Moment[] = [];
	const startedAtMs = performance.now();
	const passed = () => (performance.now() - startedAtMs) / 60_000;
	for (let number = 0; passed() < minutes; number++) {
		await sleep(Math.max(0, (number / SAMPLES_PER_MINUTE - passed()) * 60_000));
		const moment = { minutes: passed(), samples: await look() };
		moments.push(moment);
		console.log(lineOf(moment));
	}
	return moments;
}

function lineOf({ minutes, samples }: Moment): string {
	const held = samples.map(({ heldBytes }) => heldBytes / MB);
	const rss = samples.map(({ rssBytes }) => rssBytes / MB);
	const changes = changesIn(samples);
	const document = samples.reduce((most, sample) => Math.max(most, sample.documentBytes), 0);
	const missing = samples.filter(({ peers }) => peers < samples.length - 1).length;
	return (
		`${minutes.toFixed(1)} min: ${changes} changes, ${samples[0]?.records} records, held ${median(held).toFixed(1)} MB (worst ` +
		`${Math.max(...held).toFixed(1)}), resident ${median(rss).toFixed(0)} MB (worst ${Math.max(...rss).toFixed(0)}), ` +
		`largest document ${(document / 1_000).toFixed(0)} kB${missing > 0 ? `, ${missing} nodes miss a peer` : ""}`
	);
}

function changesIn(samples: readonly SoakSample[]): number {
	return samples.reduce((sum, sample) => sum + sample.changes, 0);
}

async function untilEqual(look: () => Promise<readonly string[]>): Promise<boolean> {
	const startedAtMs = performance.now();
	while (performance.now() - startedAtMs < EQUAL_MS_MAX) {
		if (new Set(await look()).size === 1) return true;
		await sleep(1_000);
	}
	return false;
}

interface Soaked {
	readonly minutes: number;
	/** Changes a second, as asked for. */
	readonly rate: number;
	readonly isEqual: boolean;
}

function judge(moments: readonly Moment[], { minutes, rate, isEqual }: Soaked): boolean {
	const settled = moments.filter((moment) => moment.minutes >= Math.min(SETTLE_MINUTES, minutes / 3));
	const held = growthOfNodes(settled, ({ heldBytes }) => heldBytes);
	const resident = growthOfNodes(settled, ({ rssBytes }) => rssBytes);
	const share = settled.flatMap(({ samples }) => samples).reduce((most, one) => Math.max(most, one.documentShare), 0);
	const isFlat = held.median.share <= MEDIAN_SHARE_MAX && held.worst.share <= WORST_SHARE_MAX;
	const [first, last] = [moments[0], moments.at(-1)] as [Moment, Moment];
	const seconds = (last.minutes - first.minutes) * 60;
	const perSecond = seconds === 0 ? 0 : (changesIn(last.samples) - changesIn(first.samples)) / seconds;
	const isBusy = perSecond >= RATE_SHARE_MIN * rate;
	console.log(`${perSecond.toFixed(1)} changes a second${isBusy ? "" : `: THE MACHINE DID NOT KEEP UP with ${rate}`}`);
	console.log(`held after collection: median node ${inWords(held.median)}, worst node ${inWords(held.worst)}`);
	console.log(`resident: median node ${inWords(resident.median)}, worst node ${inWords(resident.worst)}`);
	console.log(`memory is ${isFlat ? "flat" : "NOT FLAT"} (${MEDIAN_SHARE_MAX} and ${WORST_SHARE_MAX} are allowed)`);
	console.log(`largest document: ${(100 * share).toFixed(0)} % of its bound`);
	console.log(isEqual ? "all nodes see the same" : "NODES SEE DIFFERENT THINGS");
	return isFlat && share <= 1 && isEqual && isBusy;
}

function growthOfNodes(moments: readonly Moment[], of: (sample: SoakSample) => number) {
	const ofNode = (at: number) =>
		growthOf(moments.map(({ minutes, samples }) => ({ minutes, bytes: of(samples[at] as SoakSample) })));
	const all = (moments[0]?.samples ?? []).map((_, at) => ofNode(at)).sort((a, b) => a.share - b.share);
	return { median: all[Math.floor((all.length - 1) / 2)] as Growth, worst: all.at(-1) as Growth };
}

function inWords({ mbPerHour, share }: Growth): string {
	return `${mbPerHour.toFixed(2)} MB/h (${(100 * share).toFixed(1)} %)`;
}

/** A child of this program; orders are answered in turn. */
class SoakProcess {
	readonly #child: ChildProcess = fork(fileURLToPath(import.meta.url), ["--node"], { execArgv: ["--expose-gc"] });
	readonly #ended = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
	#last: Promise<unknown> = Promise.resolve();
	#take: (word: { readonly answer?: unknown; readonly failure?: string }) => void = () => {};

	constructor() {
		this.#child.on("message", (word: object) => this.#take(word));
		this.#child.once("exit", (code, signal) => this.#take({ failure: `it ended with ${signal ?? code}` }));
	}

	tell<T>(order: SoakOrder): Promise<T> {
		const next = this.#last.then(() => this.#ask<T>(order));
		this.#last = next.catch(() => {});
		return next;
	}

	#ask<T>(order: SoakOrder): Promise<T> {
		return new Promise((resolve, reject) => {
			this.#take = ({ answer, failure }) =>
				failure === undefined ? resolve(answer as T) : reject(new Error(`a node failed at ${order.order}: ${failure}`));
			if (this.#child.connected) this.#child.send(order);
			else this.#take({ failure: "it is gone" });
		});
	}

	async end(): Promise<void> {
		const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
		await this.tell({ order: "close" }).catch(() => {});
		if (this.#child.connected) this.#child.disconnect();
		await this.#ended;
		clearTimeout(timer);
	}
}

if (process.argv.includes("--node")) await runSoakNode();
else process.exitCode = await main();
