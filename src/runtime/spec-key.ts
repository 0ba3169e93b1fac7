// A spec as text, for comparing. Made once for each object: specs are never changed.

import type { Spec } from "../model.js";

const keys = new WeakMap<Spec, string>();

/** The same for equal specs. */
export function specKey(spec: Spec): string {
	const known = keys.get(spec);
	if (known !== undefined) return known;
	const key = JSON.stringify(spec);
	keys.set(spec, key);
	return key;
}
