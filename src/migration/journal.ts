// What a node must know of a move after a restart: one small file for each move and node, written before the step that it
// speaks of. The claim in the document decides; the journal only says that there was a move and how far this end had got.

import {
	closeSync,
	fsyncSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeSync,
} from "node:fs";
import { join } from "node:path";
import { SwarmError, shown } from "../errors.js";
import type { ContainerId, NodeId } from "../model.js";
import type { Role } from "./machine.js";
import type { SourcePhase } from "./source-machine.js";
import { sourceTable } from "./source-machine.js";
import type { TargetPhase } from "./target-machine.js";
import { targetTable } from "./target-machine.js";
import type { Offer } from "./wire.js";

interface EntryBase {
	readonly version: 1;
	readonly move: string;
	readonly container: ContainerId;
	/** The source's epoch; the hand-over is epoch + 1. */
	readonly epoch: number;
	readonly peer: NodeId;
	readonly startedAtMs: number;
}

export interface SourceEntry extends EntryBase {
	readonly role: "source";
	readonly phase: SourcePhase;
}

export interface TargetEntry extends EntryBase {
	readonly role: "target";
	readonly phase: TargetPhase;
	/** All that a restore needs besides the files. */
	readonly offer: Offer;
	/** The dump's manifest, once everything arrived. */
	readonly manifest: Readonly<Record<string, unknown>> | null;
}

export type JournalEntry = SourceEntry | TargetEntry;

export interface MoveJournal {
	/** Replaces the move's entry in one step. `durable`: on disk when it returns, also through a power cut. */
	write(entry: JournalEntry, durable: boolean): void;
	forget(move: string): void;
	/** Entries that verify; others are reported to `onCorrupt` and removed. */
	read(onCorrupt: (file: string, why: string) => void): readonly JournalEntry[];
}

export function createFileJournal(directory: string): MoveJournal {
	mkdirSync(directory, { recursive: true, mode: 0o700 });
	const pathOf = (move: string) => join(directory, `${move}.json`);
	return {
		write(entry, durable) {
			const path = pathOf(entry.move);
			const descriptor = openSync(`${path}.new`, "w", 0o600);
			try {
				writeSync(descriptor, JSON.stringify(entry));
				if (durable) fsyncSync(descriptor);
			} finally {
				closeSync(descriptor);
			}
			renameSync(`${path}.new`, path);
			if (durable) syncDirectory(directory);
		},
		forget(move) {
			rmSync(pathOf(move), { force: true });
		},
		read(onCorrupt) {
			const entries: JournalEntry[] = [];
			for (const file of readdirSync(directory)) {
				const path = join(directory, file);
				try {
					if (!file.endsWith(".json")) throw new SwarmError("corrupt", "it is not an entry");
					entries.push(decodeEntry(readFileSync(path, "utf8")));
				} catch (thrown) {
					// A torn `.new` was never the entry: nothing that depends on it has happened.
					onCorrupt(file, thrown instanceof Error ? thrown.message : String(thrown));
					rmSync(path, { force: true });
				}
			}
			return entries;
		},
	};
}

export function decodeEntry(text: string): JournalEntry {
	const entry = parsed(text) as JournalEntry;
	if (entry?.version !== 1) throw corrupt(`version ${shown(entry?.version)}, wanted 1`);
	if (typeof entry.move !== "string" || typeof entry.container !== "string" || typeof entry.peer !== "string")
		throw corrupt("fields are missing");
	if (!Number.isSafeInteger(entry.epoch)) throw corrupt("the epoch is missing");
	if (!isPhase(entry.role, entry.phase))
		throw corrupt(`phase ${shown(entry.phase)} of ${shown(entry.role)} is unknown`);
	if (entry.role === "target" && entry.offer?.kind !== "offer") throw corrupt("the offer is missing");
	return entry;
}

function isPhase(role: Role, phase: unknown): boolean {
	if (typeof phase !== "string") return false;
	return role === "source" ? Object.hasOwn(sourceTable, phase) : role === "target" && Object.hasOwn(targetTable, phase);
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (cause) {
		throw corrupt("it is no JSON", cause);
	}
}

function corrupt(why: string, cause?: unknown): SwarmError {
	return new SwarmError("corrupt", `Cannot read a move's journal entry: ${why}`, { cause });
}

function syncDirectory(path: string): void {
	const descriptor = openSync(path, "r");
	try {
		fsyncSync(descriptor);
	} finally {
		closeSync(descriptor);
	}
}
