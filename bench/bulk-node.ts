// One end of the bulk bench, in a process of its own: a member of a cluster that sends or takes bytes by a bulk socket, by an ordinary stream of
// the mesh or by plain TCP as Node has it, from memory or from file to file. Answers each order with one message.

import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { systemClock } from "../src/clock.js";
import type { MeshStream } from "../src/mesh/mesh.js";
import { MoveChannel } from "../src/migration/channel.js";
import { receiveFile, sendFile } from "../src/migration/flat-files.js";
import type { NodeId } from "../src/model.js";
import { openStateNode, type StateNode } from "./state-node.js";

/** `onread`: TCP whose receiver reads into memory of its own; the sender is the same. */
export type BulkForm = "bulk" | "mesh" | "tcp" | "tcp-onread";

export type BulkOrder =
	| { readonly order: "open"; readonly name: string; readonly token: string | null }
	| { readonly order: "token" | "delays" | "close" }
	/** Answered with the milliseconds it took, of which none are for the connection. */
	| { readonly order: "send"; readonly form: BulkForm; readonly bytes: number; readonly file: boolean }
	/** Gives the port to which the other end connects for plain TCP. */
	| { readonly order: "serve" }
	| { readonly order: "take"; readonly form: BulkForm; readonly port: number; readonly file: boolean }
	| { readonly order: "peer"; readonly address: string };

const MEMORY = "/bench/memory/1";
const FILE = "/bench/file/1";
const PIECE = new Uint8Array(256 * 1024).fill(7);
const BEAT_MS = 50;
const CONNECT_MS_MAX = 60_000;
const never = new AbortController().signal;

export async function runBulkNode(): Promise<number> {
	const directory = await mkdtemp(join(tmpdir(), "swarm-bench-bulk-"));
	const end = new BulkNode(directory);
	return new Promise((resolve) => {
		process.on("message", (given: BulkOrder) => {
			end.obey(given).then(
				(answer) => {
					process.send?.({ answer: answer ?? null });
					if (given.order === "close") resolve(0);
				},
				(thrown) => process.send?.({ failure: String(thrown) }),
			);
		});
		process.once("disconnect", () => process.exit(1));
	});
}

class BulkNode {
	readonly #directory: string;
	#node: StateNode | null = null;
	#peer: NodeId | null = null;
	#accepted: Promise<Socket> | null = null;
	#delaysMs: number[] = [];
	#files = 0;

	constructor(directory: string) {
		this.#directory = directory;
	}

	async obey(given: BulkOrder): Promise<unknown> {
		switch (given.order) {
			case "open":
				return this.#open(given.name, given.token);
			case "token":
				return this.#opened().token(1);
			case "serve":
				return this.#serve();
			case "take":
				return this.#take(given.form, given.port, given.file);
			case "peer":
				return this.#connect(given.address);
			case "send":
				return given.file ? this.#sendFile(given.form, given.bytes) : this.#send(given.form, given.bytes);
			case "delays":
				return this.#delaysMs.splice(0);
			case "close":
				await this.#opened().close();
				return rm(this.#directory, { recursive: true, force: true });
		}
	}

	#opened(): StateNode {
		if (this.#node === null) throw new Error("not open");
		return this.#node;
	}

	async #open(name: string, token: string | null): Promise<string> {
		this.#node = await openStateNode(name, token);
		const { mesh } = this.#node;
		mesh.handle(MEMORY, takeAll, { bulk: true });
		mesh.handle(FILE, (stream) => this.#takeFile(stream), { bulk: true });
		// Milliseconds of the clock that all processes of a machine share.
		mesh.onFrame("heartbeat", (_, frame) => {
			this.#delaysMs.push(nowMs() - Buffer.from(frame).readDoubleLE(0));
		});
		return mesh.addresses()[0] ?? "";
	}

	async #connect(address: string): Promise<void> {
		const { mesh } = this.#opened();
		const node = address.split("/p2p/")[1] as NodeId;
		this.#peer = node;
		mesh.keepConnected([{ node, addresses: [address] }]);
		const signal = AbortSignal.timeout(CONNECT_MS_MAX);
		while (mesh.peers().length === 0) await systemClock.sleep(BEAT_MS, signal);
	}

	async #send(form: BulkForm, bytes: number): Promise<number> {
		const stopBeating = this.#beat();
		try {
			const stream = await this.#stream(form, MEMORY);
			const beganMs = nowMs();
			for (let sent = 0; sent < bytes; sent += PIECE.length) await stream.write(PIECE);
			await stream.end();
			while ((await stream.read()) !== null);
			return nowMs() - beganMs;
		} finally {
			stopBeating();
		}
	}

	async #sendFile(form: BulkForm, bytes: number): Promise<number> {
		const name = `from-${bytes}`;
		const path = join(this.#directory, name);
		await writeFile(path, Buffer.alloc(bytes, 7));
		const beganMs = nowMs();
		if (form === "tcp") {
			const socket = await this.#socket();
			socket.resume();
			const ended = once(socket, "end");
			await pipeline(createReadStream(path), socket, { end: true });
			await ended;
		} else {
			const stream = await this.#stream(form, FILE);
			const channel = new MoveChannel(stream);
			await sendFile(channel, "images", this.#directory, name, () => {});
			await channel.end();
			while ((await stream.read()) !== null);
		}
		const tookMs = nowMs() - beganMs;
		await rm(path);
		return tookMs;
	}

	async #stream(
		form: BulkForm,
		protocol: string,
	): Promise<Pick<MeshStream, "read" | "write" | "end" | "abort" | "peer">> {
		const { mesh } = this.#opened();
		const node = this.#peer ?? mesh.self;
		if (form === "bulk") return mesh.open(node, protocol, never, { bulk: "sending" });
		if (form === "mesh") return mesh.open(node, protocol, never);
		return plainStream(await this.#socket(), node);
	}

	/** That the other end has opened. */
	async #socket(): Promise<Socket> {
		if (this.#accepted === null) throw new Error("nothing is served");
		return this.#accepted;
	}

	async #serve(): Promise<number> {
		const server = createServer();
		const { promise, resolve } = Promise.withResolvers<Socket>();
		this.#accepted = promise;
		server.once("connection", (socket) => {
			server.close();
			resolve(socket);
		});
		server.listen(0, "127.0.0.1");
		await once(server, "listening");
		return (server.address() as AddressInfo).port;
	}

	async #take(form: BulkForm, port: number, file: boolean): Promise<void> {
		const onread = { buffer: new Uint8Array(PIECE.length), callback: () => true };
		const socket = connect({ port, host: "127.0.0.1", ...(form === "tcp-onread" ? { onread } : {}) });
		const path = this.#nextPath();
		if (file) {
			await pipeline(socket, createWriteStream(path), { end: true });
			await rm(path);
		} else {
			socket.on("data", () => {});
			await once(socket, "close");
		}
	}

	async #takeFile(stream: MeshStream): Promise<void> {
		const channel = new MoveChannel(stream);
		const path = this.#nextPath();
		await channel.receive();
		await receiveFile(channel, path, async () => {});
		await channel.end();
		await rm(path);
	}

	#nextPath(): string {
		return join(this.#directory, `to-${this.#files++}`);
	}

	/** As often as the connection can show a delay; each says when it was due. */
	#beat(): () => void {
		const { mesh } = this.#opened();
		let dueMs = nowMs() + BEAT_MS;
		const beat = () => {
			const frame = Buffer.alloc(8);
			frame.writeDoubleLE(dueMs);
			mesh.broadcast("heartbeat", frame);
			dueMs = nowMs() + BEAT_MS;
			cancel = systemClock.after(BEAT_MS, beat);
		};
		let cancel = systemClock.after(BEAT_MS, beat);
		return () => cancel();
	}
}

/** As a move does: into the same memory again and again, where the stream allows it. */
async function takeAll(stream: MeshStream): Promise<void> {
	const memory = new Uint8Array(PIECE.length);
	const next = async () =>
		stream.readInto === undefined ? (await stream.read()) !== null : (await stream.readInto(memory)) > 0;
	while (await next());
	await stream.end();
}

/** Plain TCP with the calls of a stream: written with back-pressure, as Node's documentation shows it. */
function plainStream(socket: Socket, peer: NodeId) {
	let hasEnded = false;
	socket.resume();
	const ended = once(socket, "end");
	return {
		peer,
		async write(bytes: Uint8Array) {
			if (!socket.write(bytes)) await once(socket, "drain");
		},
		async end() {
			socket.end();
		},
		async read() {
			if (!hasEnded) await ended;
			hasEnded = true;
			return null;
		},
		abort: () => socket.destroy(),
	};
}

function nowMs(): number {
	return Number(process.hrtime.bigint()) / 1e6;
}
