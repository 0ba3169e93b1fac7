// Updates that set records and do nothing else, as nearly all do, read without Yjs: what they mean is plain from their bytes where one writer's
// updates follow each other, and letting Yjs take one costs three times as much as all else that is done with it. Must never: read one otherwise
// than Yjs would take it; what is not plain for certain is left to Yjs.
//
// The format is that of Yjs 13, version 1 (`readClientsStructRefs`, `readDeleteSet`): the structs of each client, then what is deleted.

import { RecordDecoder } from "./update-decoder.js";

/** Of an item's first byte: it has a left origin, a right origin, a name in its parent; the kind of its content. */
const [LEFT, RIGHT, NAMED, KIND] = [0x80, 0x40, 0x20, 0x1f];
const ANY = 8;

export interface PlainSet {
	readonly key: string;
	/** Of the item that holds it. */
	readonly clock: number;
	readonly value: unknown;
}

/** Where the document stands. */
export interface PlainState {
	readonly root: string;
	readonly client: number;
	readonly nextClock: number;
	/** The key whose newest item is that at the clock; null where it is of something else, or there is a newer one. */
	keyAt(clock: number): string | null;
	/** Also when it was dropped. */
	wasSet(key: string): boolean;
}

/** null: for Yjs. */
export function readPlainUpdate(payload: Uint8Array, state: PlainState): readonly PlainSet[] | null {
	try {
		const decoder = new RecordDecoder({ arr: payload, pos: 0 } as RecordDecoder["restDecoder"]);
		const sets: PlainSet[] = [];
		const replaced = new Set<number>();
		const isPlain = readSets(decoder, state, sets, replaced) && deletesOnly(decoder, state, replaced);
		return isPlain && decoder.restDecoder.pos === payload.length ? sets : null;
	} catch {
		return null;
	}
}

function readSets(decoder: RecordDecoder, state: PlainState, sets: PlainSet[], replaced: Set<number>): boolean {
	if (decoder.readLen() !== 1) return false;
	const count = decoder.readLen();
	if (decoder.readClient() !== state.client || decoder.readLen() !== state.nextClock) return false;
	const keys = new Set<string>();
	for (let index = 0; index < count; index++) {
		const info = decoder.readInfo();
		if ((info & KIND) !== ANY || (info & RIGHT) !== 0 || (info & NAMED) === 0) return false;
		const key = (info & LEFT) === 0 ? firstKey(decoder, state) : replacedKey(decoder, state, replaced);
		if (key === null || keys.has(key) || decoder.readLen() !== 1) return false;
		keys.add(key);
		sets.push({ key, clock: state.nextClock + index, value: decoder.readAny() });
	}
	return true;
}

/** Of an item that is the first under its key. */
function firstKey(decoder: RecordDecoder, state: PlainState): string | null {
	const isRoot = decoder.readParentInfo() && decoder.readString() === state.root;
	const key = isRoot ? decoder.readString() : null;
	return key === null || state.wasSet(key) ? null : key;
}

/** Of an item that takes the place of another. */
function replacedKey(decoder: RecordDecoder, state: PlainState, replaced: Set<number>): string | null {
	const { client, clock } = decoder.readLeftID();
	replaced.add(clock);
	return client === state.client && clock < state.nextClock ? state.keyAt(clock) : null;
}

/** Whether nothing is deleted but what something else took the place of. */
function deletesOnly(decoder: RecordDecoder, state: PlainState, replaced: ReadonlySet<number>): boolean {
	const clients = decoder.readLen();
	if (clients > 1) return false;
	if (clients === 0) return true;
	if (decoder.readClient() !== state.client) return false;
	for (let left = decoder.readLen(); left > 0; left--) {
		const [clock, length] = [decoder.readDsClock(), decoder.readDsLen()];
		if (length > replaced.size) return false;
		for (let at = clock; at < clock + length; at++) if (!replaced.has(at)) return false;
	}
	return true;
}
