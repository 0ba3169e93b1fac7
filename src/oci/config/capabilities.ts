// config.md#linux-process `capabilities` as the bit masks of capset(2). Pure.

import { type CapabilityName, capabilityMask, capabilityOf } from "../../native/capabilities.js";
import { at, type Field, list, optional, text } from "./fields.js";

/** In the order of the plan. */
const sets = ["bounding", "effective", "inheritable", "permitted", "ambient"] as const;

export interface Capabilities {
	/** Five masks in decimal. */
	readonly masks: readonly string[];
	/** Names that no kernel knows: the specification wants a warning, not an error. */
	readonly unknown: readonly string[];
}

export function decodeCapabilities(field: Field): Capabilities {
	const named = sets.map((set) => optional(at(field, set), (names) => list(names, text), []));
	const unknown = [...new Set(named.flat().filter((name) => known(name) === null))];
	return {
		masks: named.map((names) => String(capabilityMask(names.map(known).filter((name) => name !== null)))),
		unknown,
	};
}

/** The specification's names have their prefix. */
function known(name: string): CapabilityName | null {
	return name.startsWith("CAP_") ? capabilityOf(name) : null;
}
