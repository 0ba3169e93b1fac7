// A bulk socket as a MeshStream, beside the mesh stream over which it was agreed: that one says how many bytes were sent when the end has come
// (a socket's own end may as well be a cut), and its end is the end of this one. Must never give a part for the whole.

import { type Clock, systemClock } from "../../clock.js";
import { asSwarmError, SwarmError } from "../../errors.js";
import type { NodeId } from "../../model.js";
import type { MeshStream } from "../mesh.js";
import type { MessagePipe } from "../messages.js";
import { integerOf } from "../wire.js";
import type { BulkLine } from "./bulk-thread.js";

const END_BYTES_MAX = 64;
const READ_BYTES_MAX = 256 * 1024;
/** The word of the end goes another way than the bytes; so long after the socket's end it is still waited for. */
const LATE_MS_MAX = 10_000;

export interface BulkStreamInit {
	readonly line: BulkLine;
	/** The mesh stream it was agreed over. */
	readonly beside: MeshStream;
	readonly pipe: MessagePipe;
	readonly clock?: Clock;
}

export function bulkStreamOf(init: BulkStreamInit): MeshStream {
	return new BulkStream(init);
}

class BulkStream implements MeshStream {
	readonly peer: NodeId;
	readonly #init: BulkStreamInit;
	readonly copies = true;
	#receivedBytes = 0;
	#unreadBytes = 0;
	#sentBytes = 0;
	/** How many there are, once the peer has ended. */
	#bytesAll: number | null = null;
	#isEnding = false;
	/** The peer was told how many bytes there are. */
	#hasEnded = false;
	#isGone = false;
	#failure: SwarmError | null = null;
	#wake: (() => void) | null = null;
	#cancelLate: () => void = () => {};

	constructor(init: BulkStreamInit) {
		this.#init = init;
		this.peer = init.beside.peer;
		init.line.follow({
			onBytes: (bytes) => {
				this.#receivedBytes += bytes;
				this.#unreadBytes += bytes;
				this.#look();
			},
			onGone: (reason) => this.#onGone(reason),
		});
		void this.#followEnd();
	}

	async read(): Promise<Uint8Array | null> {
		await this.#some();
		const bytes = Buffer.allocUnsafe(Math.min(this.#unreadBytes, READ_BYTES_MAX));
		const count = await this.readInto(bytes);
		return count === 0 ? null : bytes.subarray(0, count);
	}

	async readInto(target: Uint8Array): Promise<number> {
		await this.#some();
		if (this.#unreadBytes === 0) return 0;
		try {
			// Of several frames where they are small: a read is as large as its memory where there is enough.
			let filled = 0;
			while (filled < target.length && this.#unreadBytes > 0) {
				const count = this.#init.line.readInto(target.subarray(filled));
				filled += count;
				this.#unreadBytes -= count;
			}
			return filled;
		} catch (thrown) {
			this.#fail(asSwarmError(thrown, "read a transfer"));
			throw this.#failure ?? thrown;
		}
	}

	/** Resolves when there is something to read, or never will be. */
	async #some(): Promise<void> {
		for (;;) {
			if (this.#failure !== null) throw this.#failure;
			if (this.#unreadBytes > 0 || this.#receivedBytes === this.#bytesAll) return;
			if (this.#wake !== null) throw new SwarmError("conflict", "Cannot read the stream: another read is waiting");
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}
	}

	async write(bytes: Uint8Array): Promise<void> {
		if (this.#failure !== null) throw this.#failure;
		this.#sentBytes += bytes.length;
		await this.#init.line.write(bytes);
		if (this.#failure !== null) throw this.#failure;
	}

	async end(): Promise<void> {
		if (this.#failure !== null) throw this.#failure;
		if (this.#isEnding) return;
		this.#isEnding = true;
		await this.#init.line.flushed();
		if (this.#failure !== null) throw this.#failure;
		this.#hasEnded = true;
		await this.#init.pipe.write("end", this.#sentBytes);
		this.#look();
	}

	abort(reason: Error): void {
		this.#fail(asSwarmError(reason, "go on with the transfer"));
	}

	/** Until the peer's word of the end; any other end of the stream beside is a cut. */
	async #followEnd(): Promise<void> {
		try {
			const { kind, fields } = await this.#init.pipe.read(END_BYTES_MAX);
			if (kind !== "end") throw new SwarmError("corrupt", `Cannot follow a transfer: "${kind}" came, wanted its end`);
			this.#bytesAll = integerOf(fields[0], "end.bytes", 0, Number.MAX_SAFE_INTEGER);
			this.#look();
			// It stays open until the peer has everything too; what it says then is no more than that.
			await this.#init.beside.read();
		} catch (thrown) {
			if (!this.#isOver()) this.#fail(this.#lost(asSwarmError(thrown, "follow a transfer").message));
		}
	}

	#isOver(): boolean {
		return this.#hasEnded && this.#receivedBytes === this.#bytesAll;
	}

	#look(): void {
		this.#wake?.();
		this.#wake = null;
		if (this.#bytesAll !== null && this.#receivedBytes > this.#bytesAll)
			this.#fail(new SwarmError("corrupt", `Cannot read a transfer: more than its ${this.#bytesAll} bytes came`));
		if (this.#isGone && this.#bytesAll !== null && this.#receivedBytes < this.#bytesAll)
			this.#fail(this.#lost("its socket ended too early"));
		if (this.#failure !== null || !this.#isOver()) return;
		this.#cancelLate();
		this.#init.line.finish();
		this.#init.beside.end().catch(() => {});
	}

	#onGone(reason: string | null): void {
		this.#isGone = true;
		if (this.#isOver()) return;
		// Whoever has not heard of this side's end has no reason to close it.
		if (reason !== null || !this.#hasEnded) {
			this.#fail(this.#lost(reason ?? "its socket ended"));
			return;
		}
		this.#cancelLate = (this.#init.clock ?? systemClock).after(LATE_MS_MAX, () =>
			this.#fail(this.#lost("its socket ended")),
		);
		this.#look();
	}

	#fail(error: SwarmError): void {
		if (this.#failure !== null) return;
		this.#failure = error;
		this.#cancelLate();
		this.#init.line.cut();
		this.#init.beside.abort(error);
		this.#wake?.();
		this.#wake = null;
	}

	#lost(why: string): SwarmError {
		const message = `Cannot go on with the transfer of ${this.peer}: ${why}`;
		return new SwarmError("unreachable", message, { retryable: true, details: { node: this.peer } });
	}
}
