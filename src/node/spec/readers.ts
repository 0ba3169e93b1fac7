// One reader for each shape of field: it returns the value or reports what is wrong. They know nothing of specs.
// Must never throw and never change a value.

import type { FieldPath, Report } from "./problems.js";

export type Fields = Readonly<Record<string, unknown>>;

export interface TextsRule {
	readonly key: RegExp;
	readonly keyWanted: string;
	readonly most: number;
	readonly valueMax?: number;
}

export function fieldsOf(given: unknown, path: FieldPath, known: readonly string[], report: Report): Fields | null {
	if (typeof given !== "object" || given === null || Array.isArray(given)) {
		report.value(path, given, `fields (${known.filter((name) => !name.endsWith("Ms")).join(", ")})`);
		return null;
	}
	for (const name of Object.keys(given)) {
		if (known.includes(name)) continue;
		report.phrase([...path, name], "not a known field", `one of ${known.join(", ")}`);
	}
	return given as Fields;
}

export function textField(
	fields: Fields,
	name: string,
	pattern: RegExp,
	wanted: string,
	report: Report,
): string | null {
	const given = fields[name];
	if (typeof given === "string" && pattern.test(given)) return given;
	report.value([name], given, wanted);
	return null;
}

export function optionalText(
	given: unknown,
	path: FieldPath,
	pattern: RegExp,
	wanted: string,
	report: Report,
): string | null {
	if (given === undefined || given === null) return null;
	if (typeof given === "string" && pattern.test(given)) return given;
	report.value(path, given, wanted);
	return null;
}

export function optionalFlag(given: unknown, path: FieldPath, report: Report): boolean | null {
	if (given === undefined || given === null) return null;
	if (typeof given === "boolean") return given;
	report.value(path, given, "true or false");
	return null;
}

export function wholeNumber(
	given: unknown,
	path: FieldPath,
	least: number,
	most: number,
	report: Report,
): number | null {
	if (typeof given === "number" && Number.isInteger(given) && given >= least && given <= most) return given;
	report.value(path, given, `a whole number from ${least} to ${most}`);
	return null;
}

export function listOf<T>(
	given: unknown,
	path: FieldPath,
	most: number,
	read: (item: unknown, path: FieldPath, report: Report) => T | null,
	report: Report,
): readonly T[] {
	if (given === undefined || given === null) return [];
	if (!Array.isArray(given)) {
		report.value(path, given, "a list");
		return [];
	}
	if (given.length > most) report.phrase(path, `a list of ${given.length}`, `at most ${most}`);
	return given.slice(0, most).flatMap((item: unknown, index) => {
		const value = read(item, [...path, index], report);
		return value === null ? [] : [value];
	});
}

export function textsOf(
	given: unknown,
	path: FieldPath,
	rule: TextsRule,
	report: Report,
): Readonly<Record<string, string>> {
	if (given === undefined || given === null) return {};
	if (typeof given !== "object" || Array.isArray(given)) {
		report.value(path, given, "names with values, such as {KEY: value}");
		return {};
	}
	const entries = Object.entries(given);
	if (entries.length > rule.most) report.phrase(path, `${entries.length} entries`, `at most ${rule.most}`);
	for (const [key, value] of entries) {
		if (!rule.key.test(key)) report.phrase([...path, key], "a name that is not allowed", rule.keyWanted);
		else if (typeof value !== "string" || value.includes("\0")) report.value([...path, key], value, "text (in quotes)");
		else if (rule.valueMax !== undefined && value.length > rule.valueMax) {
			report.value([...path, key], value, `at most ${rule.valueMax} characters`);
		}
	}
	return given as Readonly<Record<string, string>>;
}
