// A container whose state cannot lie: it counts in memory (counter.c) and tells every number to a witness outside, who sees at
// once when two copies run, when a copy goes back in time, and which node it is on.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "vitest";
import { namespacePath } from "../../src/node/lab/plan.js";
import { ociTar, tarOf } from "../support/oci-image.js";
import { root } from "../support/source-tree.js";
import { until } from "../support/until.js";
import type { Cluster } from "./cluster.js";

const PORT = 9000;
/** Numbers of one look: a tenth of a second of counting. */
const LOOK = 10;
const COUNTING_MS_MAX = 60_000;

export interface Counter {
	readonly witness: Witness;
	/** Until it counts on; gives the node that it is on. Fails when numbers came twice or went back. */
	counts(): Promise<string>;
	/** Its whole output, as `swarm logs` prints it, is 1, 2, 3, … without a gap. */
	expectWholeLog(): Promise<void>;
	end(): Promise<void>;
}

export interface CounterOptions {
	/** Where the witness listens; must not be one that it moves to. */
	readonly witness: string;
	readonly memoryMib: number;
	readonly flags?: readonly string[];
}

/** Imports the image on the witness's node and starts `counter` on another one. */
export async function startCounter(cluster: Cluster, options: CounterOptions): Promise<Counter> {
	const image = join(mkdtempSync(join(tmpdir(), "swarm-counter-")), "counter.tar");
	writeFileSync(image, await counterImage());
	await cluster.done(options.witness, "image", "import", image);
	rmSync(join(image, ".."), { recursive: true, force: true });
	const witness = await Witness.listen(cluster, options.witness);
	const { address } = cluster.node(options.witness);
	const placing = ["--image", "counter:test", "--constraint", `node!=${options.witness}`, ...(options.flags ?? [])];
	await cluster.deploy("n1", "counter", ...placing, "--", "/counter", address, String(PORT), String(options.memoryMib));
	return {
		witness,
		counts: () => witness.counts(),
		async expectWholeLog() {
			const least = witness.last;
			const lines = (await cluster.done("n1", "logs", "counter")).trim().split("\n");
			expect(lines.findIndex((line, i) => line !== String(i + 1))).toBe(-1);
			expect(lines.length).toBeGreaterThanOrEqual(least);
		},
		end: () => witness.end(),
	};
}

async function counterImage(): Promise<Buffer> {
	const directory = mkdtempSync(join(tmpdir(), "swarm-counter-"));
	try {
		const program = join(directory, "counter");
		execFileSync("cc", ["-O2", "-static", "-o", program, join(root, "test/cluster/counter.c")]);
		const layer = await tarOf([{ name: "counter", mode: 0o755, content: readFileSync(program) }]);
		return await ociTar({ layers: [layer], name: "counter:test", config: { Entrypoint: ["/counter"] } });
	} finally {
		rmSync(directory, { recursive: true, force: true });
	}
}

/** Listens on a node for numbers, and checks each against all before. */
export class Witness {
	/** Highest number so far. */
	last = 0;
	/** Name of the node that the last number came from. */
	node = "";
	/** What must never happen, in words. */
	readonly faults: string[] = [];
	readonly #cluster: Cluster;
	readonly #listener: ChildProcess;

	private constructor(cluster: Cluster, listener: ChildProcess) {
		this.#cluster = cluster;
		this.#listener = listener;
	}

	static async listen(cluster: Cluster, node: string): Promise<Witness> {
		const program = `
			const socket = require("dgram").createSocket({ type: "udp4", recvBufferSize: 1 << 20 });
			socket.on("message", (message, { address }) => console.log(address + " " + message));
			socket.bind(${PORT}, () => console.log("listening"));`;
		const enter = `--net=${namespacePath(cluster.node(node).namespace)}`;
		const listener = spawn("nsenter", [enter, "--", process.execPath, "-e", program], {
			stdio: ["ignore", "pipe", "inherit"],
		});
		const witness = new Witness(cluster, listener);
		const lines = createInterface({ input: listener.stdout });
		await once(lines, "line");
		lines.on("line", (line) => witness.#hear(line));
		return witness;
	}

	/** Masquerading puts the node's own address on what a container sends. */
	#hear(line: string): void {
		const [address, text] = line.split(" ");
		const node = this.#cluster.nodes.find((each) => each.address === address)?.name ?? `${address}`;
		const number = Number(text);
		if (number <= this.last) this.faults.push(`${number} from ${node} after ${this.last} from ${this.node}`);
		this.last = Math.max(this.last, number);
		this.node = node;
	}

	async counts(): Promise<string> {
		const before = this.last;
		await until(`the counter to pass ${before}`, () => this.last >= before + LOOK, COUNTING_MS_MAX);
		expect(this.faults).toEqual([]);
		return this.node;
	}

	async end(): Promise<void> {
		const closed = once(this.#listener, "close");
		this.#listener.kill();
		await closed;
	}
}
