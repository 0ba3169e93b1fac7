// The ports of moves over a simulated machine: the journal of moves, and files that hold a counter instead of memory pages.
// They travel over the product's own channel.

import { crc32 } from "node:zlib";
import { SwarmError } from "../../../src/errors.js";
import type { MoveChannel } from "../../../src/migration/channel.js";
import { decodeEntry, type MoveJournal } from "../../../src/migration/journal.js";
import type { MoveDirectory, MoveFiles, Packer, Unpacker } from "../../../src/migration/move-files.js";
import type { CheckpointImage, SimMachine } from "./sim-machine.js";
import type { SimProcess } from "./sim-process.js";

const FREE_BYTES = 100 * 1024 ** 3;
const FILES_BYTES = 4096;

/** Writes of a killed daemon do nothing; what was not durable can be lost with the power (SimMachine.cutPower). */
export function simMoveJournal(machine: SimMachine, process: SimProcess): MoveJournal {
	const write = (move: string, text: string | null, durable: boolean) => {
		if (!process.isAlive()) return;
		const kept = machine.moves.get(move)?.durableText ?? null;
		machine.moves.set(move, { text, durableText: durable ? text : kept });
	};
	return {
		write: (entry, durable) => write(entry.move, JSON.stringify(entry), durable),
		forget: (move) => write(move, null, false),
		read: () => [...machine.moves.values()].flatMap(({ text }) => (text === null ? [] : [decodeEntry(text)])),
	};
}

export function simMoveFiles(machine: SimMachine, process: SimProcess): MoveFiles {
	const at = (move: string): MoveDirectory => {
		const path = `moves/${move}`;
		return { path, images: `${path}/images`, upper: `${path}/upper`, log: `${path}/log` };
	};
	const guarded = async <T>(work: () => T): Promise<T> => (process.isAlive() ? work() : new Promise(() => {}));
	return {
		at,
		make: (move) =>
			guarded(() => {
				machine.files.set(at(move).images, null);
				return at(move);
			}),
		remove: (move) => guarded(() => void machine.files.delete(at(move).images)),
		list: () => guarded(() => [...machine.files.keys()].map((path) => path.split("/")[1] as string)),
		diskBytesFree: () => guarded(() => FREE_BYTES),
		bytesUnder: () => guarded(() => FILES_BYTES),
		packer: () => simPacker(machine),
		unpacker: (directory) => simUnpacker(machine, directory),
	};
}

function simPacker(machine: SimMachine): Packer {
	return {
		async sendVolumes() {},
		async send(channel, parts, onBytes) {
			const image = machine.files.get(parts.images) ?? null;
			if (image === null) throw new SwarmError("failed", "Cannot send the memory: nothing was dumped");
			const bytes = Buffer.from(JSON.stringify(image));
			await channel.post({ kind: "file", section: "images", name: "memory" });
			await channel.sendBytes(bytes);
			await channel.post({ kind: "file-end", bytes: bytes.length, crc32: crc32(bytes) });
			onBytes(bytes.length);
			return { bytes: bytes.length, imageBytes: bytes.length, volumeBytes: 0, files: 1 };
		},
		cancel() {},
	};
}

function simUnpacker(machine: SimMachine, directory: MoveDirectory): Unpacker {
	return {
		async receive(channel) {
			const parts: Uint8Array[] = [];
			for (;;) {
				const message = await next(channel);
				if (message.kind === "chunk") parts.push(message.bytes);
				if (message.kind !== "manifest") continue;
				const image = JSON.parse(Buffer.concat(parts).toString()) as CheckpointImage;
				machine.files.set(directory.images, image);
				return { manifest: message.manifest };
			}
		},
		cancel() {},
	};
}

async function next(channel: MoveChannel) {
	const message = await channel.receive();
	if (message === null) throw new SwarmError("unreachable", "Cannot receive the move: the source went away");
	if (message.kind === "dismiss") throw new SwarmError("aborted", `Cannot receive the move: ${message.reason}`);
	if (message.kind === "failed") throw SwarmError.fromJSON(message.error);
	return message;
}
