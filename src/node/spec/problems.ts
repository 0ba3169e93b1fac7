// What is wrong with a given value, collected field by field, and how it reads as one line.
// Must never print more of a given value than fits a line.

import { SwarmError } from "../../errors.js";

export type FieldPath = readonly (string | number)[];

export interface Problem {
	readonly path: FieldPath;
	/** As it reads in a sentence: `"12Q"`, `the number 3`, `missing`. */
	readonly given: string;
	readonly wanted: string;
	/** Line of the file, from 1; null when it did not come from a file. */
	readonly line: number | null;
}

/** Collects problems; a value is described, a phrase is printed as it is. */
export interface Report {
	value(path: FieldPath, given: unknown, wanted: string): void;
	phrase(path: FieldPath, given: string, wanted: string): void;
}

const GIVEN_CHARACTERS_MAX = 60;
const PROBLEMS_PRINTED_MAX = 5;

export function reportInto(problems: Problem[]): Report {
	const phrase = (path: FieldPath, given: string, wanted: string) => {
		problems.push({ path, given, wanted, line: null });
	};
	return { phrase, value: (path, given, wanted) => phrase(path, describe(given), wanted) };
}

export function describe(given: unknown): string {
	if (given === undefined) return "missing";
	if (given === null) return "empty";
	if (Array.isArray(given)) return "a list";
	switch (typeof given) {
		case "string":
			return JSON.stringify(given.length > GIVEN_CHARACTERS_MAX ? `${given.slice(0, GIVEN_CHARACTERS_MAX)}…` : given);
		case "number":
			return `the number ${given}`;
		case "boolean":
			return `${given}`;
		default:
			return "a group of fields";
	}
}

/** `resources.memory`, `ports[1]`; `the spec` for the whole. */
export function fieldOf(path: FieldPath): string {
	const name = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
	return name === "" ? "the spec" : name.replace(/^\./, "");
}

/** One `usage` error for all of them, a single line; `details.problems` has them one by one. */
export function problemsError(problems: readonly Problem[], what = "spec"): SwarmError {
	const sentences = problems.slice(0, PROBLEMS_PRINTED_MAX).map(sentenceOf);
	const more = problems.length - sentences.length;
	if (more > 0) sentences.push(`and ${more} more`);
	return new SwarmError("usage", `Cannot accept the ${what}: ${sentences.join("; ")}`, {
		details: {
			problems: problems.map(({ path, given, wanted, line }) => ({ field: fieldOf(path), given, wanted, line })),
		},
	});
}

function sentenceOf(problem: Problem): string {
	const place = problem.line === null ? "" : `line ${problem.line}: `;
	return `${place}${fieldOf(problem.path)} is ${problem.given}, wanted ${problem.wanted}`;
}
