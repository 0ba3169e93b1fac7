// How large this node's own document is and may become. Must never: refuse a change that makes it smaller.

import { SwarmError } from "../errors.js";
import type { StateRecord } from "../model.js";
import { RECORDS_MAX } from "./document.js";
import type { RecordKey } from "./state.js";

/** Live records of one document, as JSON text. */
export const DOCUMENT_CHARACTERS_MAX = 4 * 1024 * 1024;

export interface Sizes {
	/** Counts the change in; `too-large`, and nothing counted, when the document would pass its limits by it. */
	change(records: readonly { readonly key: RecordKey; readonly size: number }[], drop: readonly RecordKey[]): void;
	/** Whether more than half of what it may become is taken. */
	isCrowded(): boolean;
	/** Counts anew. */
	reset(
		document: { readonly records: ReadonlyMap<RecordKey, StateRecord> },
		staged: ReadonlyMap<RecordKey, { readonly record: StateRecord | null }>,
	): void;
}

export function createSizes(): Sizes {
	let sizes = new Map<RecordKey, number>();
	let total = 0;
	const set = (key: RecordKey, size: number | null) => {
		total += (size ?? 0) - (sizes.get(key) ?? 0);
		if (size === null) sizes.delete(key);
		else sizes.set(key, size);
	};
	return {
		change(records, drop) {
			const keys = new Set([...records.map(({ key }) => key), ...drop]);
			const before = [...keys].map((key) => [key, sizes.get(key) ?? null] as const);
			const [countBefore, totalBefore] = [sizes.size, total];
			for (const { key, size } of records) set(key, size);
			for (const key of drop) set(key, null);
			const isFine = sizes.size <= RECORDS_MAX && total <= DOCUMENT_CHARACTERS_MAX;
			if (isFine || (sizes.size <= countBefore && total <= totalBefore)) return;
			const wouldHave = `this node's document would have ${sizes.size} records and ${total} characters`;
			for (const [key, size] of before) set(key, size);
			throw new SwarmError(
				"too-large",
				`Cannot write to the state: ${wouldHave}, at most ${RECORDS_MAX} and ${DOCUMENT_CHARACTERS_MAX} are allowed; remove workloads, and try again in a minute`,
			);
		},
		isCrowded: () => sizes.size > RECORDS_MAX / 2 || total > DOCUMENT_CHARACTERS_MAX / 2,
		reset(document, staged) {
			sizes = new Map();
			total = 0;
			for (const [key, record] of document.records) set(key, JSON.stringify(record).length);
			for (const [key, { record }] of staged) set(key, record === null ? null : JSON.stringify(record).length);
		},
	};
}
