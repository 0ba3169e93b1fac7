// Values of flags on their way into the shape that the doors of node/spec read. What is wrong with a value is said there; here only
// KEY=VALUE is taken apart.

import * as Flags from "@oclif/core/flags";
import { SwarmError } from "../errors.js";
import { parseDuration } from "../node/spec/quantities.js";

/** A flag that may be given several times. */
export function many(summary: string, helpValue: string, char?: "e" | "l" | "p" | "v") {
	const shared = { summary: `${summary} May be given several times.`, helpValue } as const;
	const options = { ...shared, multiple: true, multipleNonGreedy: true } as const;
	return char === undefined ? Flags.string(options) : Flags.string({ ...options, char });
}

/** Only the values that were given. */
export function given(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
	return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

export function unlessEmpty(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
	return Object.keys(values).length === 0 ? undefined : values;
}

/** What is no number stays text, so that the door can show it as it was typed. */
export function numberOrText(text: string | undefined): number | string | undefined {
	if (text === undefined) return undefined;
	return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}

export function pairsOf(flag: string, texts: readonly string[]): Readonly<Record<string, string>> {
	return Object.fromEntries(
		texts.map((text) => {
			const at = text.indexOf("=");
			if (at <= 0) throw new SwarmError("usage", `Cannot read ${flag}: it is "${text}", wanted KEY=VALUE`);
			return [text.slice(0, at), text.slice(at + 1)];
		}),
	);
}

/** Milliseconds, more than 0. Code `usage`; `action` opens the message. */
export function durationOf(action: string, flag: string, text: string): number {
	const ms = parseDuration(text);
	if (ms !== null && ms > 0) return ms;
	throw new SwarmError("usage", `Cannot ${action}: ${flag} is "${text}", wanted a time such as 10m or 1h`);
}
