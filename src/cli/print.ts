// Text for people: tables, sizes, times. Must never let a value from elsewhere move the cursor or forge a line.

import { bytesInWords } from "../scheduler/words.js";

export { bytesInWords };

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const COLUMN_GAP = "   ";

/** Escape sequences and control characters become `?`. */
export function printable(text: string): string {
	// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
	return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "?");
}

/** Line feeds and runs of blanks become one blank. */
export function oneLine(text: string): string {
	return printable(text.replace(/\s+/g, " ").trim());
}

/** Columns of equal width; no line ends in blanks. null shows as `-`. */
export function table(columns: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
	const cells = [
		columns,
		...rows.map((row) => row.map((cell) => (cell === null || cell === "" ? "-" : printable(cell)))),
	];
	const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)));
	return cells
		.map((row) =>
			row
				.map((cell, index) => cell.padEnd(widths[index] ?? 0))
				.join(COLUMN_GAP)
				.trimEnd(),
		)
		.map((line) => `${line}\n`)
		.join("");
}

/** `name: value` lines with the values below each other. */
export function fields(entries: readonly (readonly [string, string | null])[]): string {
	const width = Math.max(...entries.map(([name]) => name.length)) + 1;
	return entries.map(([name, value]) => `${`${name}:`.padEnd(width)} ${printable(value ?? "-")}\n`).join("");
}

/** `85 ms`, `1.2 s`, `3 min`, `5 h`, `2 d`. */
export function durationInWords(ms: number): string {
	if (ms < SECOND_MS) return `${Math.round(ms)} ms`;
	if (ms < MINUTE_MS) return `${(ms / SECOND_MS).toFixed(1)} s`;
	if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
	if (ms < DAY_MS) return `${Math.floor(ms / HOUR_MS)} h`;
	return `${Math.floor(ms / DAY_MS)} d`;
}

/** How long ago by this machine's clock; another's clock may run ahead. */
export function agoInWords(sinceMs: number | null, nowMs: number): string | null {
	return sinceMs === null ? null : durationInWords(Math.max(0, nowMs - sinceMs));
}

/** `2026-01-31T12:00:00.000Z` */
export function timeInWords(ms: number | null): string | null {
	return ms === null ? null : new Date(ms).toISOString();
}

export function pairsInWords(pairs: Readonly<Record<string, string>>): string | null {
	const entries = Object.entries(pairs);
	return entries.length === 0 ? null : entries.map(([key, value]) => `${key}=${value}`).join(" ");
}
