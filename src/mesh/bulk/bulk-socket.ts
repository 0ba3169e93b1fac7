// One bulk socket: what comes goes into the ring, what lies in the slots goes out; both are sealed (bulk-frames.ts). Runs in the thread of bulk sockets.
// Must never hand on a byte of a peer that does not know the secret, hold more than BULK_RING_BYTES unread, leave a socket open.
//
// Reading into memory of one's own (`onread`) costs half as much as "data" events and is only there for sockets that dial.

import { connect, createServer, type Server, type Socket } from "node:net";
import { asSwarmError } from "../../errors.js";
import { BulkHandshake } from "./bulk-handshake.js";
import {
	BULK_CONNECT_MS_MAX,
	BULK_HANDSHAKE_MS_MAX,
	BULK_KNOCKS_MAX,
	BULK_READ_BYTES_MAX,
	BULK_RING_BYTES,
	BULK_SLOT_BYTES,
	BULK_TEXT_AT,
	BULK_UNREAD_BYTES_MAX,
	type BulkEnds,
	type BulkReport,
	type BulkWays,
	FRAME_EXTRA_BYTES,
	HEAD_BYTES,
	type SlotFrame,
} from "./bulk-order.js";

/** A path that is gone is noticed after twice this. */
const KEEP_ALIVE_MS = 10_000;
/** The reader is told of so much at once, or of what there is when the socket pauses. */
const TELL_BYTES = 256 * 1024;

/** A report without the socket's id. */
export type Tell = (report: WithoutId<BulkReport>) => void;
type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

interface Link {
	readonly socket: Socket;
	readonly handshake: BulkHandshake;
}

export class BulkSocket {
	readonly #ends: BulkEnds;
	readonly #tell: Tell;
	/** Who has not proved itself, at the end that listens. */
	readonly #knocks = new Set<Socket>();
	#server: Server | null = null;
	#socket: Socket | null = null;
	#timer: NodeJS.Timeout | null = null;
	#reason: string | null = null;
	#isGone = false;
	/** Of all bytes that came: how many there are, how many were told, how many the reader has taken. */
	#cameBytes = 0;
	#toldBytes = 0;
	#takenBytes = 0;
	#flushing = false;

	constructor(ends: BulkEnds, tell: Tell) {
		this.#ends = ends;
		this.#tell = tell;
	}

	listen(host: string): void {
		const server = createServer();
		this.#server = server;
		server.maxConnections = BULK_KNOCKS_MAX;
		server.on("connection", (socket) => this.#knock(socket));
		server.on("error", (error) => this.cut(error.message));
		server.listen(0, host, () => {
			const address = server.address();
			if (typeof address === "object" && address !== null) this.#tell({ kind: "listening", port: address.port });
		});
		this.#limit(BULK_CONNECT_MS_MAX + BULK_HANDSHAKE_MS_MAX);
	}

	dial(host: string, port: number): void {
		const handshake = new BulkHandshake("dials", this.#ends.secret);
		const callback = (bytes: number): boolean => this.#came(link, bytes);
		const socket = connect({ host, port, onread: { buffer: () => this.#room(handshake), callback } });
		const link: Link = { socket, handshake };
		this.#limit(BULK_CONNECT_MS_MAX);
		socket.once("connect", () => this.#limit(BULK_HANDSHAKE_MS_MAX));
		socket.write(handshake.hello);
		this.#watch(socket);
	}

	write(frames: readonly SlotFrame[]): void {
		const socket = this.#socket;
		if (socket === null) return;
		const wrote = () => this.#tell({ kind: "wrote", slots: frames.map(({ slot }) => slot) });
		socket.cork();
		for (const [index, { slot, length }] of frames.entries()) {
			const at = slot * BULK_SLOT_BYTES + BULK_TEXT_AT - HEAD_BYTES;
			const frame = Buffer.from(this.#ends.slots, at, length + FRAME_EXTRA_BYTES);
			socket.write(frame, index === frames.length - 1 ? wrote : undefined);
		}
		socket.uncork();
	}

	took(bytes: number): void {
		this.#takenBytes += bytes;
		if (this.#unreadBytes() < BULK_UNREAD_BYTES_MAX / 2) this.#socket?.resume();
	}

	/** What may still come is the socket's end: it is read, also where the reader has not taken the last bytes yet. */
	finish(): void {
		this.#socket?.end();
		this.#socket?.resume();
	}

	cut(reason: string | null): void {
		this.#reason ??= reason;
		this.#closeDoor();
		if (this.#socket === null) this.#gone();
		else this.#socket.destroy();
	}

	/** Whoever connects is a stranger until its proof is there. */
	#knock(socket: Socket): void {
		const link = { socket, handshake: new BulkHandshake("listens", this.#ends.secret) };
		this.#knocks.add(socket);
		socket.once("close", () => this.#knocks.delete(socket));
		socket.on("error", () => {});
		socket.on("data", (bytes: Buffer) => this.#copyIn(link, bytes));
		socket.write(link.handshake.hello);
	}

	/** The peer has proved itself. */
	#open(socket: Socket, ways: BulkWays): void {
		this.#limit(null);
		this.#ends.secret.fill(0);
		if (this.#knocks.delete(socket)) this.#watch(socket);
		this.#closeDoor();
		this.#tell({ kind: "connected", ways });
		// Told as a copy.
		ways.out.fill(0);
		ways.in.fill(0);
	}

	#closeDoor(): void {
		for (const socket of this.#knocks) socket.destroy();
		this.#server?.close();
	}

	#watch(socket: Socket): void {
		this.#socket = socket;
		socket.setNoDelay(true);
		socket.setKeepAlive(true, KEEP_ALIVE_MS);
		socket.on("error", (error) => {
			this.#reason ??= error.message;
		});
		socket.once("close", () => this.#gone());
	}

	#limit(withinMs: number | null): void {
		if (this.#timer !== null) clearTimeout(this.#timer);
		this.#timer =
			withinMs === null ? null : setTimeout(() => this.cut(`no connection within ${withinMs} ms`), withinMs);
	}

	#gone(): void {
		if (this.#isGone) return;
		this.#isGone = true;
		this.#limit(null);
		this.#ends.secret.fill(0);
		this.#flush();
		this.#tell({ kind: "gone", reason: this.#reason });
	}

	#unreadBytes(): number {
		return this.#cameBytes - this.#takenBytes;
	}

	/** Where the next bytes go. Never empty: reading stops before the ring is full. */
	#room(handshake: BulkHandshake): Uint8Array {
		const proof = handshake.room();
		if (proof.length > 0) return proof;
		const at = this.#cameBytes % BULK_RING_BYTES;
		const free = BULK_RING_BYTES - this.#unreadBytes();
		return new Uint8Array(this.#ends.ring, at, Math.min(BULK_RING_BYTES - at, free, BULK_READ_BYTES_MAX));
	}

	/** So many bytes came into the room; whether more may come. */
	#came(link: Link, bytes: number): boolean {
		if (link.handshake.room().length > 0) return this.#shakeHands(link, bytes);
		this.#cameBytes += bytes;
		if (this.#cameBytes - this.#toldBytes >= TELL_BYTES) this.#flush();
		else this.#flushSoon();
		return this.#unreadBytes() < BULK_UNREAD_BYTES_MAX;
	}

	#shakeHands({ socket, handshake }: Link, bytes: number): boolean {
		try {
			for (const news of handshake.came(bytes)) {
				if (news.kind === "proof") socket.write(news.bytes);
				else this.#open(socket, news.ways);
			}
			return true;
		} catch (thrown) {
			if (this.#socket === socket) this.#reason ??= asSwarmError(thrown, "shake hands").message;
			socket.destroy();
			return false;
		}
	}

	#copyIn(link: Link, bytes: Buffer): void {
		for (let offset = 0; offset < bytes.length && !link.socket.destroyed; ) {
			const count = bytes.copy(this.#room(link.handshake), 0, offset);
			if (count === 0) this.cut("more came than there is room for");
			if (count === 0) return;
			offset += count;
			if (!this.#came(link, count)) link.socket.pause();
		}
	}

	/** After what comes in the same turn. */
	#flushSoon(): void {
		if (this.#flushing) return;
		this.#flushing = true;
		setImmediate(() => {
			this.#flushing = false;
			this.#flush();
		});
	}

	#flush(): void {
		const bytes = this.#cameBytes - this.#toldBytes;
		this.#toldBytes = this.#cameBytes;
		if (bytes > 0) this.#tell({ kind: "bytes", bytes });
	}
}
