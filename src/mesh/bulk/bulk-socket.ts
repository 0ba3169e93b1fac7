// One bulk socket: TLS 1.3 with a one-time secret that both ends know already (an external pre-shared key), which proves each to the other
// and encrypts with keys that are gone afterwards. Runs in the thread of bulk sockets. Must never hand on a byte of a peer that does not know
// the secret, hold more than BULK_UNREAD_BYTES_MAX unread, leave a socket open.
//
// Reading into memory of one's own (`onread`) takes a third less CPU than "data" events and is only there for sockets that dial. AES-128: what
// OpenSSL takes together with a plain pre-shared key.

import type { Server, Socket } from "node:net";
import { type ConnectionOptions, connect, createServer, type TLSSocket } from "node:tls";
import {
	BULK_CONNECT_MS_MAX,
	BULK_HANDSHAKE_MS_MAX,
	BULK_KNOCKS_MAX,
	BULK_PIECE_BYTES,
	BULK_UNREAD_BYTES_MAX,
	type BulkEnds,
	type BulkReport,
} from "./bulk-order.js";

const TLS = { minVersion: "TLSv1.3", maxVersion: "TLSv1.3", ciphers: "TLS_AES_128_GCM_SHA256" } as const;
const IDENTITY = "swarm-bulk";
/** A path that is gone is noticed after twice this. */
const KEEP_ALIVE_MS = 10_000;
/** The reader is told of so much at once, or of what there is when the socket pauses. */
const TELL_BYTES = 128 * 1024;

/** A report without the socket's id. */
export type Tell = (report: WithoutId<BulkReport>) => void;
type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

export class BulkSocket {
	readonly #ends: BulkEnds;
	readonly #tell: Tell;
	readonly #knocks = new Set<Socket>();
	#server: Server | null = null;
	#socket: TLSSocket | null = null;
	#timer: NodeJS.Timeout | null = null;
	#reason: string | null = null;
	#isGone = false;
	readonly #ring: Buffer;
	/** Of all bytes that came: how many there are, how many were told, how many the reader has taken. */
	#cameBytes = 0;
	#toldBytes = 0;
	#takenBytes = 0;
	#flushing = false;

	constructor(ends: BulkEnds, tell: Tell) {
		this.#ends = ends;
		this.#ring = Buffer.from(ends.ring);
		this.#tell = tell;
	}

	listen(host: string): void {
		const secret = Buffer.from(this.#ends.secret);
		const server = createServer({
			...TLS,
			pskCallback: (_: TLSSocket, identity: string) => (identity === IDENTITY ? secret : null),
			handshakeTimeout: BULK_HANDSHAKE_MS_MAX,
		});
		this.#server = server;
		server.maxConnections = BULK_KNOCKS_MAX;
		server.on("connection", (socket: Socket) => {
			this.#knocks.add(socket);
			socket.once("close", () => this.#knocks.delete(socket));
		});
		server.on("secureConnection", (socket) => {
			socket.on("data", (bytes: Buffer) => this.#copyIn(bytes));
			server.close();
			this.#adopt(socket);
		});
		server.on("error", (error) => this.cut(error.message));
		server.listen(0, host, () => {
			const address = server.address();
			if (typeof address === "object" && address !== null) this.#tell({ kind: "listening", port: address.port });
		});
		this.#limit(BULK_CONNECT_MS_MAX + BULK_HANDSHAKE_MS_MAX);
	}

	dial(host: string, port: number): void {
		const onread = { buffer: () => this.#room(), callback: (bytes: number) => this.#read(bytes) };
		const options = {
			...{ ...TLS, host, port, onread },
			pskCallback: () => ({ psk: Buffer.from(this.#ends.secret), identity: IDENTITY }),
			// Asked only of a peer that proves itself by a certificate instead of the secret.
			checkServerIdentity: () => new Error("the peer does not know the secret"),
		};
		const socket = connect(options as ConnectionOptions);
		this.#limit(BULK_CONNECT_MS_MAX);
		socket.once("connect", () => this.#limit(BULK_HANDSHAKE_MS_MAX));
		socket.once("secureConnect", () => {
			if (socket.isSessionReused()) this.#tell({ kind: "connected" });
			else this.cut("the peer does not know the secret");
		});
		this.#watch(socket);
	}

	write(slot: number, length: number): void {
		const bytes = Buffer.from(this.#ends.slots, slot * BULK_PIECE_BYTES, length);
		this.#socket?.write(bytes, () => this.#tell({ kind: "wrote", slot }));
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
		for (const knock of this.#knocks) knock.destroy();
		this.#server?.close();
		if (this.#socket === null) this.#gone();
		else this.#socket.destroy();
	}

	#adopt(socket: TLSSocket): void {
		if (this.#socket !== null || this.#isGone) {
			socket.destroy();
			return;
		}
		this.#watch(socket);
		this.#tell({ kind: "connected" });
	}

	#watch(socket: TLSSocket): void {
		this.#socket = socket;
		socket.setNoDelay(true);
		socket.setKeepAlive(true, KEEP_ALIVE_MS);
		socket.once("secureConnect", () => this.#limit(null));
		if (this.#server !== null) this.#limit(null);
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
		this.#flush();
		this.#tell({ kind: "gone", reason: this.#reason });
	}

	#unreadBytes(): number {
		return this.#cameBytes - this.#takenBytes;
	}

	/** Where the next bytes go. Never empty: reading stops long before the ring is full. */
	#room(): Buffer {
		const at = this.#cameBytes % this.#ring.length;
		return this.#ring.subarray(at, Math.min(this.#ring.length, at + this.#ring.length - this.#unreadBytes()));
	}

	/** Whether more may come. */
	#read(bytes: number): boolean {
		this.#cameBytes += bytes;
		if (this.#cameBytes - this.#toldBytes >= TELL_BYTES) this.#flush();
		else this.#flushSoon();
		return this.#unreadBytes() < BULK_UNREAD_BYTES_MAX;
	}

	#copyIn(bytes: Buffer): void {
		for (let offset = 0; offset < bytes.length; ) {
			const count = bytes.copy(this.#room(), 0, offset);
			if (count === 0) this.cut("more came than there is room for");
			if (count === 0) return;
			offset += count;
			if (!this.#read(count)) this.#socket?.pause();
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
