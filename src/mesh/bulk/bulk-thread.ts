// The daemon's side of the thread of bulk sockets: started with the first transfer, ended when there was none for a while. Each socket is a
// line here. Must never keep the process alive, leave the thread running after `stop`.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Clock } from "../../clock.js";
import { asSwarmError, SwarmError } from "../../errors.js";
import type { NodeId } from "../../model.js";
import { bulkAead } from "./bulk-cipher.js";
import { FrameWay } from "./bulk-frames.js";
import { BulkInbox } from "./bulk-inbox.js";
import {
	BULK_PIECE_BYTES,
	BULK_RING_BYTES,
	BULK_SLOT_BYTES,
	BULK_SLOTS,
	BULK_SLOTS_TOGETHER,
	BULK_TAG_BYTES,
	BULK_TEXT_AT,
	type BulkEnds,
	type BulkOrder,
	type BulkReport,
	HEAD_BYTES,
	type SlotFrame,
} from "./bulk-order.js";

const IDLE_MS = 30_000;
/** Told at once: far below what makes the other thread stop reading. */
const TOOK_BYTES = 512 * 1024;

/** Takes what comes on a line. */
export interface LineEvents {
	/** So many more can be taken. */
	onBytes(bytes: number): void;
	/** The last one; null when it ended well. */
	onGone(reason: string | null): void;
}

export class BulkThread {
	readonly #clock: Clock;
	readonly #lines = new Map<number, BulkLine>();
	#worker: Worker | null = null;
	#cancelIdle: () => void = () => {};
	#made = 0;
	#stopped = false;

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** Sockets that are open or being opened, of all peers or of one. */
	count(peer: NodeId | null): number {
		if (peer === null) return this.#lines.size;
		return [...this.#lines.values()].filter((line) => line.peer === peer).length;
	}

	/** Connected when the peer dials the port, which `listening` gives. */
	listen(peer: NodeId, host: string, secret: Uint8Array): BulkLine {
		return this.#line(peer, (id, memory) => ({ kind: "listen", id, host, with: { secret, ...memory } }));
	}

	dial(peer: NodeId, place: { readonly host: string; readonly port: number }, secret: Uint8Array): BulkLine {
		return this.#line(peer, (id, memory) => ({ kind: "dial", id, ...place, with: { secret, ...memory } }));
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		await this.#end("the mesh stops");
	}

	#line(peer: NodeId, first: (id: number, memory: Omit<BulkEnds, "secret">) => BulkOrder): BulkLine {
		const worker = this.#running();
		const id = ++this.#made;
		const line = new BulkLine(peer, id, (order) => worker.postMessage(order));
		this.#lines.set(id, line);
		worker.postMessage(first(id, line.memory));
		return line;
	}

	#running(): Worker {
		this.#cancelIdle();
		if (this.#stopped) throw new SwarmError("aborted", "Cannot open a bulk socket: the mesh stops");
		if (this.#worker !== null) return this.#worker;
		bulkAead();
		const worker = new Worker(workerFile());
		worker.unref();
		worker.on("message", (report: BulkReport) => this.#take(report));
		worker.on("error", (error) => void this.#end(error.message));
		this.#worker = worker;
		return worker;
	}

	#take(report: BulkReport): void {
		const line = this.#lines.get(report.id);
		if (line === undefined) return;
		if (report.kind === "gone") this.#lines.delete(report.id);
		line.take(report);
		if (this.#lines.size > 0) return;
		this.#cancelIdle();
		this.#cancelIdle = this.#clock.after(IDLE_MS, () => void this.#end("nothing was to do"));
	}

	async #end(reason: string): Promise<void> {
		this.#cancelIdle();
		const worker = this.#worker;
		this.#worker = null;
		const lines = [...this.#lines];
		this.#lines.clear();
		for (const [id, line] of lines) line.take({ kind: "gone", id, reason });
		await worker?.terminate();
	}
}

/** One socket. */
export class BulkLine {
	readonly memory = {
		slots: new SharedArrayBuffer(BULK_SLOTS * BULK_SLOT_BYTES),
		ring: new SharedArrayBuffer(BULK_RING_BYTES),
	};
	/** The port, where this side listens. */
	readonly listening: Promise<number>;
	/** Rejects with code `unreachable` when it does not come about. */
	readonly connected: Promise<void>;
	readonly peer: NodeId;
	readonly #id: number;
	readonly #order: (order: BulkOrder) => void;
	readonly #free = Array.from({ length: BULK_SLOTS }, (_, slot) => slot);
	readonly #early: BulkReport[] = [];
	#events: LineEvents | null = null;
	#settle: { listening(port: number): void; connected(): void; failed(error: SwarmError): void };
	#waiting: (() => void)[] = [];
	#isGone = false;
	/** From when it is connected. */
	#frames: { readonly out: FrameWay; readonly inbox: BulkInbox } | null = null;
	/** Not handed on yet: at the end of this turn at the latest. */
	#sealed: SlotFrame[] = [];
	/** Of the ring: what the other thread knows to be opened. */
	#toldBytes = 0;

	constructor(peer: NodeId, id: number, order: (order: BulkOrder) => void) {
		this.peer = peer;
		this.#id = id;
		this.#order = order;
		const listening = Promise.withResolvers<number>();
		const connected = Promise.withResolvers<void>();
		this.listening = listening.promise;
		this.connected = connected.promise;
		this.#settle = {
			listening: listening.resolve,
			connected: connected.resolve,
			failed(error) {
				listening.reject(error);
				connected.reject(error);
			},
		};
		for (const promise of [listening.promise, connected.promise]) promise.catch(() => {});
	}

	/** What came before is told at once. */
	follow(events: LineEvents): void {
		this.#events = events;
		for (const report of this.#early.splice(0)) this.take(report);
	}

	/** For a line that is connected. Resolves when all of it is in the hands of the other thread: at most BULK_SLOTS pieces wait there. Fails never: `onGone` tells. */
	async write(bytes: Uint8Array): Promise<void> {
		for (let offset = 0; offset < bytes.length; offset += BULK_PIECE_BYTES) {
			while (this.#free.length === 0 && !this.#isGone) await this.#change();
			if (this.#isGone || this.#frames === null) return;
			const slot = this.#free.pop() as number;
			const piece = bytes.subarray(offset, offset + BULK_PIECE_BYTES);
			this.#seal(this.#frames.out, slot, piece);
			this.#sealed.push({ slot, length: piece.length });
			if (this.#sealed.length === BULK_SLOTS_TOGETHER) this.#handOn();
			else if (this.#sealed.length === 1) setImmediate(() => this.#handOn());
		}
	}

	#handOn(): void {
		if (this.#sealed.length === 0) return;
		this.#order({ kind: "write", id: this.#id, frames: this.#sealed });
		this.#sealed = [];
	}

	/** Resolves when everything written is in the kernel's hands. */
	async flushed(): Promise<void> {
		while (this.#free.length < BULK_SLOTS && !this.#isGone) await this.#change();
	}

	/**
	 * Opens what came, as much as fits and at most what `onBytes` told of; the peer may send as much more. Throws `corrupt` for what the peer did not
	 * seal.
	 */
	readInto(target: Uint8Array): number {
		if (this.#frames === null) return 0;
		const { inbox } = this.#frames;
		const bytes = inbox.take(target);
		const untoldBytes = inbox.openedBytes - this.#toldBytes;
		if (untoldBytes >= TOOK_BYTES && !this.#isGone) {
			this.#order({ kind: "took", id: this.#id, bytes: untoldBytes });
			this.#toldBytes += untoldBytes;
		}
		return bytes;
	}

	finish(): void {
		if (!this.#isGone) this.#order({ kind: "finish", id: this.#id });
	}

	cut(): void {
		if (!this.#isGone) this.#order({ kind: "cut", id: this.#id });
	}

	/** For the thread that it belongs to. */
	take(report: BulkReport): void {
		switch (report.kind) {
			case "listening":
				this.#settle.listening(report.port);
				return;
			case "connected":
				this.#frames = {
					out: new FrameWay(report.ways.out),
					inbox: new BulkInbox(this.memory.ring, new FrameWay(report.ways.in)),
				};
				this.#settle.connected();
				return;
			case "wrote":
				this.#free.push(...report.slots);
				this.#changed();
				return;
			case "bytes":
				if (this.#events === null) this.#early.push(report);
				else this.#count(this.#events, report.bytes);
				return;
			case "gone": {
				this.#isGone = true;
				const why = report.reason ?? "it was closed";
				this.#settle.failed(new SwarmError("unreachable", `Cannot open a bulk socket: ${why}`, { retryable: true }));
				this.#changed();
				if (this.#events === null) this.#early.push(report);
				else this.#events.onGone(report.reason);
			}
		}
	}

	/** Of what came, that which can be read. */
	#count(events: LineEvents, wireBytes: number): void {
		try {
			const textBytes = this.#frames?.inbox.came(wireBytes) ?? 0;
			if (textBytes > 0) events.onBytes(textBytes);
		} catch (thrown) {
			this.cut();
			events.onGone(asSwarmError(thrown, "read what came").message);
		}
	}

	/** Into the slot, as a frame. */
	#seal(way: FrameWay, slot: number, text: Uint8Array): void {
		const at = slot * BULK_SLOT_BYTES + BULK_TEXT_AT;
		const head = new Uint8Array(this.memory.slots, at - HEAD_BYTES, HEAD_BYTES);
		const tag = new Uint8Array(this.memory.slots, at + text.length, BULK_TAG_BYTES);
		way.seal(text, { head, tag }, new Uint8Array(this.memory.slots, at, text.length));
	}

	#change(): Promise<void> {
		return new Promise((resolve) => this.#waiting.push(resolve));
	}

	#changed(): void {
		for (const resolve of this.#waiting.splice(0)) resolve();
	}
}

/** Sources and bundle lie below the same directory; what runs is always the bundle's. Code `unsupported` where it is not built. */
function workerFile(): string {
	for (let directory = dirname(fileURLToPath(import.meta.url)); ; directory = dirname(directory)) {
		const file = join(directory, "dist/mesh/bulk/bulk.worker.js");
		if (existsSync(file)) return file;
		if (directory === dirname(directory))
			throw new SwarmError("unsupported", "Cannot open a bulk socket: dist/mesh/bulk is not built");
	}
}
