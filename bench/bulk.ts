// How fast bytes in bulk go from one node to another, each in a process of its own on this machine: by the bulk sockets of the mesh, encrypted
// and authenticated, against plain TCP in Node in the same run; and how late heartbeats come meanwhile.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { systemClock } from "../src/clock.js";
import type { BulkForm, BulkOrder } from "./bulk-node.js";
import { type BenchReport, boundedRow, comparedRow, fasterRow, informingRow } from "./report.js";

const RUNS = 9;
/** Of each form, before anything is measured: until then Node compiles what runs. */
const WARM_ROUNDS = 4;
const MEMORY_BYTES = 512 * 1024 * 1024;
const FILE_BYTES = 256 * 1024 * 1024;
const RATIO_MIN = 0.6;
/** A heartbeat comes once a second, and a peer is suspected after several were missed. */
const DELAY_MS_MAX = 250;
const END_MS_MAX = 10_000;

interface Pair {
	readonly sender: End;
	readonly receiver: End;
}

export async function bulk(): Promise<BenchReport> {
	const [receiver, sender] = [new End(), new End()];
	try {
		const address = await receiver.tell<string>({ order: "open", name: "receiver", token: null });
		const token = await receiver.tell<string>({ order: "token" });
		await sender.tell({ order: "open", name: "sender", token });
		await sender.tell({ order: "peer", address });
		return { bench: "bulk", rows: await measured({ sender, receiver }) };
	} finally {
		await Promise.all([sender.end(), receiver.end()]);
	}
}

async function measured(pair: Pair) {
	const rates = { bulk: [], mesh: [], tcp: [], onread: [], bulkFile: [], tcpFile: [] } as Record<string, number[]>;
	const delays = { bulk: [], mesh: [] } as Record<string, number[]>;
	const forms = { bulk: "bulk", mesh: "mesh", tcp: "tcp", onread: "tcp-onread" } as const;
	for (let round = 0; round < WARM_ROUNDS; round++)
		for (const form of Object.values(forms)) await rateOf(pair, form, false);
	for (let run = 0; run < RUNS; run++) {
		// In another order each time: what one leaves to the kernel and to the collector, the next one pays.
		const order = Object.entries(forms);
		for (const [name, form] of [...order.slice(run % order.length), ...order.slice(0, run % order.length)]) {
			await pair.receiver.tell({ order: "delays" });
			rates[name]?.push(await rateOf(pair, form, false));
			delays[name]?.push(Math.max(...(await pair.receiver.tell<number[]>({ order: "delays" }))));
		}
	}
	for (let run = 0; run < RUNS; run++) {
		rates.bulkFile?.push(await rateOf(pair, "bulk", true));
		rates.tcpFile?.push(await rateOf(pair, "tcp", true));
	}
	const of = (name: string) => rates[name] ?? [];
	const tcp = { name: "plain TCP", values: of("tcp") };
	return [
		fasterRow("from memory to memory", "MB/s", of("bulk"), tcp, RATIO_MIN),
		fasterRow("from file to file", "MB/s", of("bulkFile"), { name: "plain TCP", values: of("tcpFile") }, RATIO_MIN),
		boundedRow("longest delay of a heartbeat meanwhile", "ms", delays.bulk ?? [], DELAY_MS_MAX),
		comparedRow(
			"memory, receiver reads into its own",
			"MB/s",
			of("bulk"),
			{ ...tcp, name: "TCP, onread", values: of("onread") },
			null,
		),
		informingRow("over a stream of the mesh", "MB/s", of("mesh")),
		informingRow("longest delay of a heartbeat meanwhile there", "ms", delays.mesh ?? []),
	];
}

async function rateOf({ sender, receiver }: Pair, form: BulkForm, file: boolean): Promise<number> {
	const bytes = file ? FILE_BYTES : MEMORY_BYTES;
	const isPlain = form === "tcp" || form === "tcp-onread";
	const port = isPlain ? await sender.tell<number>({ order: "serve" }) : null;
	const taken = port === null ? null : receiver.tell({ order: "take", form, port, file });
	const tookMs = await sender.tell<number>({ order: "send", form, bytes, file });
	await taken;
	return bytes / 1e3 / tookMs;
}

/** A child of this program; orders are answered in turn. */
class End {
	readonly #child: ChildProcess = fork(process.argv[1] ?? "", ["bulk-node"], {
		stdio: ["ignore", "inherit", "inherit", "ipc"],
	});

	async tell<T>(order: BulkOrder): Promise<T> {
		const answered = once(this.#child, "message");
		this.#child.send(order);
		const [{ answer, failure }] = (await answered) as [{ answer: T; failure?: string }];
		if (failure !== undefined) throw new Error(`an end of the bench failed at ${order.order}: ${failure}`);
		return answer;
	}

	async end(): Promise<void> {
		const ended = once(this.#child, "exit");
		const late = systemClock.after(END_MS_MAX, () => this.#child.kill("SIGKILL"));
		await Promise.race([this.tell({ order: "close" }).catch(() => {}), ended]);
		if (this.#child.connected) this.#child.disconnect();
		await ended;
		late();
	}
}
