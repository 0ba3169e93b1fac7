// A node of a lab in a machine of its own, whose power can be cut: everything in it ends at once and what it did not sync is lost. Its daemon
// is the same as everywhere, its state lies on a disk image (scripts/uml-node.sh); what it tells comes over its console (guest-agent.ts).

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type ErrorData, SwarmError } from "../../../src/errors.js";
import { connectLocal } from "../../../src/node/api/client.js";
import type { DaemonConfig } from "../../../src/node/config.js";
import { LAB_PORT, namespacePath } from "../../../src/node/lab/plan.js";
import { readLab } from "../../../src/node/lab/record.js";
import type { ReadyLine, StartReport } from "../../../src/node/launch-daemon.js";
import { scopeOf } from "../../../src/node/scope.js";
import { root } from "../../support/source-tree.js";
import { until } from "../../support/until.js";
import type { Cluster, ClusterNode } from "../cluster.js";
import { bootMs } from "./guard-spans.js";

const SCRIPT = join(root, "scripts/uml-node.sh");
/** In the guest. */
const STATE_DIRECTORY = "/var/lib/stratoswarm/node";
const RELAY_PORT = 7750;
/** Fetching the kernel the first time included. */
const PROVIDE_MS_MAX = 10 * 60_000;
/** On a machine that is busy with other work, and while packets are lost. */
const READY_MS_MAX = 5 * 60_000;
const LINES_KEPT = 300;
/** Nobody ends the connections of a machine without power. */
const SILENT_MS_MAX = 10_000;

export interface GuardNote {
	readonly container: string;
	/** Line of the monitor's record, with the host's boot time in front; null: the container is gone. */
	readonly line: string | null;
	readonly atMs: number;
}

export interface Booted {
	readonly report: StartReport;
	/** Its file of promises as it stood on the disk before the daemon was started; null without one. */
	readonly promises: Uint8Array | null;
}

export interface VirtualNodeOptions {
	readonly cluster: Cluster;
	readonly name: string;
	readonly onGuard: (note: GuardNote) => void;
}

export class VirtualNode {
	readonly name: string;
	readonly address: string;
	readonly #options: VirtualNodeOptions;
	readonly #work: string;
	readonly #namespace: string;
	readonly #relay: ChildProcess;
	#machine: ChildProcess | null = null;
	#boots = 0;
	/** Of this boot, on the host's clock. */
	#bootedAtMs = Number.POSITIVE_INFINITY;
	#promises: Uint8Array | null = null;
	#word: ReadyLine | null = null;
	#lines: string[] = [];

	private constructor(options: VirtualNodeOptions, made: { work: string; namespace: string; address: string }) {
		this.#options = options;
		this.name = options.name;
		this.address = made.address;
		this.#work = made.work;
		this.#namespace = made.namespace;
		this.#relay = relay(options.cluster, made.address, join(made.work, "swarm.sock"));
	}

	/** Not switched on yet. Gives the reason in words where there can be none. */
	static async provide(options: VirtualNodeOptions): Promise<VirtualNode | string> {
		const lab = await readLab(options.cluster.name);
		const address = `10.88.${lab.index}.${lab.nodes.length + 1}`;
		const work = `/var/tmp/stratoswarm-${lab.name}-${options.name}`;
		// What a run that was killed left behind.
		rmSync(work, { recursive: true, force: true });
		mkdirSync(work, { mode: 0o700 });
		const agent = join(root, "test/cluster/long/guest-agent.ts");
		const node = [process.execPath, "--experimental-strip-types", "--no-warnings", agent];
		const first = [...node, join(work, "order"), join(root, "dist/node/main.js")];
		const child = spawn("bash", [SCRIPT, "provide", work, address, ...first], {
			stdio: ["ignore", "ignore", "pipe"],
			timeout: PROVIDE_MS_MAX,
		});
		let words = "";
		child.stderr.on("data", (part: Buffer) => {
			words += part.toString();
		});
		const [code] = await once(child, "close");
		if (code === 0) return new VirtualNode(options, { work, namespace: lab.namespace, address });
		rmSync(work, { recursive: true, force: true });
		if (code === 3) return words.trim();
		throw new Error(`the virtual machine cannot be made: ${words}`);
	}

	/** Switches it on; resolves when its daemon is usable. `join`: for the first time. Throws the daemon's own error. */
	async boot(join: DaemonConfig["join"]): Promise<Booted> {
		this.switchOn(join);
		await until(`${this.name} to start`, () => this.#word !== null || this.#machine === null, READY_MS_MAX).catch(
			(thrown: Error) => {
				throw new Error(`${thrown.message}\n${this.console()}`);
			},
		);
		const word = this.#word as ReadyLine | null;
		if (word === null) throw new Error(`the machine of ${this.name} ended\n${this.console()}`);
		if ("error" in word) throw SwarmError.fromJSON(word.error as ErrorData);
		return { report: word.ready, promises: this.#promises };
	}

	/** Without waiting for its daemon. */
	switchOn(joining: DaemonConfig["join"]): void {
		if (this.#machine !== null) throw new Error(`${this.name} is on`);
		const config: DaemonConfig = {
			...{ stateDirectory: STATE_DIRECTORY, name: this.name, listenHost: this.address, listenPort: LAB_PORT },
			...{ labels: {}, witness: false, join: joining },
		};
		writeFileSync(join(this.#work, "order"), JSON.stringify(config), { mode: 0o600 });
		[this.#bootedAtMs, this.#promises, this.#word] = [Number.POSITIVE_INFINITY, null, null];
		const machine = spawn("bash", [SCRIPT, "boot", this.#work, this.#namespace, this.name, String(++this.#boots)], {
			detached: true,
			stdio: ["ignore", "pipe", "inherit"],
		});
		this.#machine = machine;
		createInterface({ input: machine.stdout }).on("line", (line) => this.#hear(line.trim()));
		machine.once("close", () => {
			this.#machine = null;
		});
	}

	/** Resolves when nothing of the machine is left in this one's memory. */
	async cutPower(): Promise<void> {
		const machine = this.#machine;
		if (machine?.pid === undefined) return;
		process.kill(-machine.pid, "SIGKILL");
		await until(`the machine of ${this.name} to be off`, () => this.#machine === null);
	}

	/** As the tests know nodes. It has been usable once. */
	asClusterNode(report: StartReport): ClusterNode {
		const { node: id } = report.ping;
		return {
			...{ name: this.name, address: this.address, namespace: this.#namespace, stateDirectory: this.#work },
			...{ pid: null, sees: {}, id, scope: scopeOf(id), client: connectLocal(this.#work) },
		};
	}

	/** What it said last. */
	console(): string {
		return this.#lines.join("\n");
	}

	/** Idempotent. Its port goes with the lab. */
	async remove(): Promise<void> {
		await this.cutPower();
		if (this.#relay.exitCode === null && this.#relay.signalCode === null) {
			const closed = once(this.#relay, "close");
			this.#relay.kill();
			await closed;
		}
		rmSync(this.#work, { recursive: true, force: true });
	}

	/** pid of what asks the machine: it lives among a node's processes and is none of them. */
	get relayPid(): number | null {
		return this.#relay.pid ?? null;
	}

	/** Everything that it makes on this machine lies below, or names this. */
	get trace(): string {
		return this.#work;
	}

	#hear(line: string): void {
		this.#lines = [...this.#lines.slice(1 - LINES_KEPT), line];
		const [, at = "", kind = "", json = ""] = /^(\d+) ([a-z]+) (.*)$/.exec(line) ?? [];
		// The kernel's own words.
		if (kind === "") return;
		this.#bootedAtMs = Math.min(this.#bootedAtMs, bootMs() - Number(at));
		const value = JSON.parse(json);
		const atMs = this.#bootedAtMs + Number(at);
		if (kind === "promises") this.#promises = value === null ? null : new Uint8Array(Buffer.from(value, "base64"));
		else if (kind === "word") this.#word = value;
		else if (kind === "gone") this.#options.onGuard({ container: value.container, line: null, atMs });
		else if (kind === "guard") {
			const [, noted = "", rest = ""] = /^(\d+) (.*)$/.exec(value.line) ?? [];
			this.#options.onGuard({ ...value, line: `${this.#bootedAtMs + Number(noted)} ${rest}`, atMs });
		}
	}
}

/** The daemon's socket at `path`, by way of the network of the lab: a unix socket of another kernel cannot be reached. */
function relay(cluster: Cluster, address: string, path: string): ChildProcess {
	const program = `
		const { connect, createServer } = require("node:net");
		createServer((client) => {
			const guest = connect(${RELAY_PORT}, ${JSON.stringify(address)});
			const destroy = () => void [client.destroy(), guest.destroy()];
			for (const end of [client, guest]) end.on("error", destroy).setTimeout(${SILENT_MS_MAX}, destroy);
			client.pipe(guest).pipe(client);
		}).listen(${JSON.stringify(path)});`;
	const namespace = cluster.nodes[0]?.namespace ?? "";
	const enter = ["nsenter", `--net=${namespacePath(namespace)}`, "--", process.execPath, "-e", program];
	return spawn("setpriv", ["--pdeathsig", "KILL", "--", ...enter], { stdio: ["ignore", "ignore", "inherit"] });
}
