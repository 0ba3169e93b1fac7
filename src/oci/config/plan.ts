// The `plan` of a container or process: what swarm-oci does, as `key=value` strings, each ended by NUL. Same keys and forms as
// src/native/oci/plan.c, which decodes it. Pure.

import { SwarmError } from "../../errors.js";

/** plan.h */
export const PLAN_BYTES_MAX = 4 * 1024 * 1024;
export const PLAN_ENTRIES_MAX = 32_768;

export type Entry = readonly [key: string, value: string];

/** Parts of one value. */
export function parts(...values: readonly (string | number)[]): string {
	return values.join("\n");
}

export function encodePlan(entries: readonly Entry[]): Uint8Array {
	const all: readonly Entry[] = [["version", "1"], ...entries];
	const bytes = Buffer.from(all.map(([key, value]) => `${key}=${value}\0`).join(""));
	if (all.length > PLAN_ENTRIES_MAX || bytes.length > PLAN_BYTES_MAX)
		throw new SwarmError(
			"too-large",
			`Cannot apply the configuration: ${all.length} entries of ${bytes.length} bytes, wanted at most ${PLAN_ENTRIES_MAX} of ${PLAN_BYTES_MAX}`,
		);
	return bytes;
}
