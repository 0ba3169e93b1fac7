// One node of the soak, in a process of its own: mesh, state and heartbeats as in the daemon, without containers. Told by its parent what to
// do, it answers each order with one message.

import { createHash } from "node:crypto";
import { openStateNode, type StateNode } from "../../bench/state-node.js";
import { systemClock } from "../../src/clock.js";
import { canonicalJson } from "../../src/crdt/canonical.js";
import { decodeEnvelope } from "../../src/crdt/envelope.js";
import { CHAIN_BYTES_MIN, GROWTH_FACTOR } from "../../src/crdt/own-document.js";
import type { ClusterView } from "../../src/crdt/state.js";
import { silentLogger } from "../../src/log.js";
import { Membership } from "../../src/mesh/membership.js";
import type { NodeId, NodeSample } from "../../src/model.js";
import { createSimChance } from "../cluster/sim/sim-chance.js";
import { aNode } from "../crdt/records.js";
import { createLife, type Life } from "./life.js";

export type SoakOrder =
	/** With changes of its own, made before it met the others. */
	| { readonly order: "open"; readonly name: string; readonly token: string | null; readonly seed: string }
	| { readonly order: "token"; readonly uses: number }
	| { readonly order: "connect"; readonly addresses: readonly string[] }
	/** Changes until told to stop, so many a second on average. */
	| { readonly order: "live"; readonly perSecond: number }
	| { readonly order: "sample" | "hash" | "rest" | "close" };

type SoakOpening = Extract<SoakOrder, { readonly order: "open" }>;

export interface SoakSample {
	readonly rssBytes: number;
	/** Heap and buffers, after a full collection. */
	readonly heldBytes: number;
	/** Of the document of all those held that is largest for its bound, its share of that. */
	readonly documentShare: number;
	readonly documentBytes: number;
	readonly records: number;
	readonly changes: number;
	readonly peers: number;
}

const CONNECT_MS_MAX = 300_000;
/** A chain passes its bound by the last update and the envelopes' own bytes. */
const CHAIN_BYTES_SLACK = 32 * 1024;

export function runSoakNode(): Promise<void> {
	const node = new SoakNode();
	return new Promise((resolve) => {
		process.on("message", (given: SoakOrder) => {
			node.obey(given).then(
				(answer) => {
					process.send?.({ answer: answer ?? null });
					if (given.order === "close") resolve();
				},
				(thrown) => process.send?.({ failure: String(thrown) }),
			);
		});
		process.once("disconnect", () => process.exit(1));
	});
}

class SoakNode {
	#node: StateNode | null = null;
	#membership: Membership | null = null;
	#chance = createSimChance("");
	#life: Life | null = null;
	#changes = 0;
	#failure: unknown = null;
	#rest = new AbortController();

	async obey(given: SoakOrder): Promise<unknown> {
		switch (given.order) {
			case "open":
				return this.#open(given);
			case "token":
				return this.#mustBeOpen().token(given.uses);
			case "connect":
				return this.#connect(given.addresses);
			case "live":
				void this.#live(given.perSecond);
				return null;
			case "sample":
				return this.#sample();
			case "hash":
				return this.#hash();
			case "rest":
				return this.#rest.abort();
			case "close":
				this.#membership?.stop({ leaving: false });
				return this.#mustBeOpen().close();
		}
	}

	#mustBeOpen(): StateNode {
		if (this.#node === null) throw new Error("not open");
		return this.#node;
	}

	async #open({ name, token, seed }: SoakOpening): Promise<string> {
		this.#node = await openStateNode(name, token);
		const { mesh, state } = this.#node;
		const sample = (): NodeSample => ({
			...{ takenAtMs: Date.now(), load1: 0, load5: 0, memoryBytesAvailable: 1, cpuPressure: null },
			...{ memoryPressure: null, ioPressure: null, temperatureCelsius: null, thermalHeadroomCelsius: null },
			diskBytesFree: 1,
		});
		this.#membership = new Membership({ mesh, clock: systemClock, logger: silentLogger, incarnation: 1, sample });
		this.#membership.start();
		await state.commit([aNode(mesh.self, { name })]);
		this.#chance = createSimChance(`${seed}/${name}`);
		this.#life = createLife(state, name, this.#chance.split("life"));
		await this.#life.remember();
		return mesh.addresses()[0] ?? "";
	}

	async #connect(addresses: readonly string[]): Promise<void> {
		const { mesh } = this.#mustBeOpen();
		const members = addresses.map((address) => ({ node: address.split("/p2p/")[1] as NodeId, addresses: [address] }));
		this.#membership?.watch(members.map(({ node }) => node));
		mesh.keepConnected(members);
		const signal = AbortSignal.timeout(CONNECT_MS_MAX);
		while (mesh.peers().length < addresses.length - 1) await systemClock.sleep(100, signal);
	}

	async #live(perSecond: number): Promise<void> {
		const [chance, life] = [this.#chance, this.#life];
		if (life === null) throw new Error("not open");
		const { signal } = this.#rest;
		try {
			while (!signal.aborted) {
				// As people and programs come: at any moment, some soon after another.
				await systemClock.sleep((-Math.log(1 - chance.fraction()) * 1_000) / perSecond, signal);
				await life.step();
				this.#changes++;
			}
		} catch (thrown) {
			if (!signal.aborted) this.#failure = thrown;
		}
	}

	async #sample(): Promise<SoakSample> {
		if (this.#failure !== null) throw this.#failure;
		const { state, mesh } = this.#mustBeOpen();
		const known = partsOf(state.view());
		const sizes = state.missingFor([]).map(sizeOf);
		const largest = sizes.reduce((one, other) => (other.share > one.share ? other : one), { share: 0, bytes: 0 });
		for (let count = 0; count < 2; count++) {
			globalThis.gc?.();
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
		const { rss, heapUsed, external } = process.memoryUsage();
		return {
			...{ rssBytes: rss, heldBytes: heapUsed + external, documentShare: largest.share, documentBytes: largest.bytes },
			...{ records: known.reduce((sum, part) => sum + part.size, 0), changes: this.#changes },
			peers: mesh.peers().length,
		};
	}

	#hash(): string {
		const known = partsOf(this.#mustBeOpen().state.view());
		const text = canonicalJson(known.map((part) => [...part].sort(byKey)));
		return createHash("sha256").update(text).digest("hex");
	}
}

function partsOf({ specs, claims, containers, nodes }: ClusterView) {
	return [specs, claims, containers, nodes];
}

/** Of one document, against the size at which its writer opens a new one. */
function sizeOf(chain: readonly Uint8Array[]): { readonly share: number; readonly bytes: number } {
	const bytes = chain.reduce((sum, envelope) => sum + envelope.length, 0);
	const [first] = chain;
	const snapshot = first !== undefined && decodeEnvelope(first).kind === "snapshot" ? first.length : 0;
	return { bytes, share: bytes / (Math.max(CHAIN_BYTES_MIN, GROWTH_FACTOR * snapshot) + CHAIN_BYTES_SLACK) };
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
	return a < b ? -1 : a > b ? 1 : 0;
}
