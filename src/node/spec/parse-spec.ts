// A spec from a YAML (or JSON) file: the same door as validateSpec, with the line of every wrong field.
// Numbers and booleans in `command`, `env` and `labels` keep the text that was written (`1.10` stays `1.10`).
// Must never be loaded by commands that read no file: the YAML library is the heaviest import of the command line.

import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { SwarmError } from "../../errors.js";
import type { Spec } from "../../model.js";
import { SPEC_BYTES_MAX } from "./limits.js";
import { type FieldPath, type Problem, problemsError } from "./problems.js";
import { checkSpec } from "./validate-spec.js";

const textFields = ["command", "env", "labels"];

/** A file may be this large: comments and indentation count, the spec itself has its own limit. */
const FILE_BYTES_MAX = 4 * SPEC_BYTES_MAX;
const ALIASES_MAX = 20;
/** No spec has ten; the library calls itself for each, until the process dies. */
const LEVELS_MAX = 100;
const DEEP_BLOCK = new RegExp(`^[ \\t]*(?:[-?:][ \\t]+){${LEVELS_MAX}}`, "m");

/** `isolation` goes before the file's: other fields of the spec may follow from it. null: as the file says. */
export function parseSpec(yamlText: string, isolation: string | null = null): Spec {
	const bytes = Buffer.byteLength(yamlText);
	if (bytes > FILE_BYTES_MAX) {
		throw new SwarmError("usage", `Cannot read the spec: it has ${bytes} bytes, wanted at most ${FILE_BYTES_MAX}`);
	}
	refuseDeep(yamlText);
	const lines = new LineCounter();
	// What would be a warning of the library on standard error is a wrong field of ours.
	const options = { lineCounter: lines, prettyErrors: false, strict: true, logLevel: "error" } as const;
	const document = parseDocument(yamlText, options);
	const error = document.errors[0];
	if (error) {
		const { line } = lines.linePos(error.pos[0]);
		throw new SwarmError("usage", `Cannot read the spec: line ${line}: ${firstLine(error.message)}, wanted valid YAML`);
	}
	keepText(document);
	const fields = plain(document);
	const { spec, problems } = checkSpec(
		isolation !== null && typeof fields === "object" ? { ...fields, isolation } : fields,
	);
	if (spec !== null) return spec;
	throw problemsError(problems.map((problem) => withLine(problem, document, lines)));
}

/** Before the library sees it: brackets in texts and comments count too, as far as they do not close. */
function refuseDeep(yamlText: string): void {
	let levels = 0;
	let most = DEEP_BLOCK.test(yamlText) ? LEVELS_MAX : 0;
	for (const [bracket] of yamlText.matchAll(/[[\]{}]/g)) {
		levels = bracket === "[" || bracket === "{" ? levels + 1 : Math.max(0, levels - 1);
		most = Math.max(most, levels);
	}
	if (most < LEVELS_MAX) return;
	throw new SwarmError("usage", `Cannot read the spec: it is nested over ${LEVELS_MAX} levels deep, wanted a spec`);
}

function plain(document: Document): unknown {
	try {
		return document.toJS({ maxAliasCount: ALIASES_MAX });
	} catch (thrown) {
		const reason = thrown instanceof Error ? firstLine(thrown.message) : String(thrown);
		throw new SwarmError("usage", `Cannot read the spec: ${reason}, wanted at most ${ALIASES_MAX} uses of an alias`);
	}
}

function firstLine(text: string): string {
	return text.split("\n")[0]?.replace(/[.:]$/, "") ?? text;
}

/** Replaces numbers and booleans of the text fields by the characters that stand in the file. */
function keepText(document: Document): void {
	for (const field of textFields) {
		const group = document.get(field, true);
		const values = isMap(group) ? group.items.map((pair) => pair.value) : isSeq(group) ? group.items : [];
		for (const value of values) {
			if (isScalar(value) && value.value !== null && typeof value.value !== "string" && value.source !== undefined) {
				value.value = value.source;
			}
		}
	}
}

function withLine(problem: Problem, document: Document, lines: LineCounter): Problem {
	const node = nearestNode(document, problem.path);
	const offset = node?.range?.[0];
	return offset === undefined ? problem : { ...problem, line: lines.linePos(offset).line };
}

/** The key of the field where it stands in the file, else the nearest thing around it. */
function nearestNode(document: Document, path: FieldPath): Node | null {
	for (let length = path.length; length >= 0; length--) {
		const node = nodeAt(document, path.slice(0, length));
		if (node !== null) return node;
	}
	return null;
}

function nodeAt(document: Document, path: FieldPath): Node | null {
	if (path.length === 0) return (document.contents as Node | null) ?? null;
	const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
	const last = path[path.length - 1];
	if (isMap(parent)) {
		const pair = parent.items.find((item) => (isScalar(item.key) ? item.key.value : item.key) === last);
		return (pair?.key as Node | undefined) ?? null;
	}
	if (isSeq(parent) && typeof last === "number") return (parent.items[last] as Node | undefined) ?? null;
	return null;
}
