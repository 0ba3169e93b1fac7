// How verbs and labels of a capability are typed.

import { SwarmError } from "../errors.js";
import { type Verb, verbs } from "../model.js";

/** `list,logs`, or `all`. */
export function verbsOf(text: string): readonly Verb[] {
	if (text === "all") return verbs;
	const known: readonly string[] = verbs;
	const given = text.split(",").map((verb) => verb.trim());
	const wrong = given.find((verb) => !known.includes(verb));
	if (wrong === undefined) return given as Verb[];
	throw new SwarmError("usage", `Cannot use --verbs: "${wrong}" is none, wanted some of ${verbs.join(", ")}, or all`);
}

/** `team=a,tier=web`; empty for none. */
export function labelsOf(text: string): Readonly<Record<string, string>> {
	const pairs = text.split(",").filter((pair) => pair.trim() !== "");
	return Object.fromEntries(
		pairs.map((pair) => {
			const at = pair.indexOf("=");
			if (at <= 0) throw new SwarmError("usage", `Cannot use --labels: "${pair}" is none, wanted NAME=VALUE`);
			return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
		}),
	);
}
