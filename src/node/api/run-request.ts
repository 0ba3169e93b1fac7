// The body of `POST /v1/runs`. Programs run the same spec many times: what was checked is remembered by its text, and is then the same
// object, by which others remember what they made of it.

import type { Spec } from "../../model.js";
import { validateSpec } from "../spec/validate-spec.js";
import type { RunRequest } from "./contract.js";
import { jsonObject } from "./message.js";

const REMEMBERED_MAX = 8;
const CHARACTERS_MAX = 16 * 1024;

/** In the order of the last use. */
const remembered = new Map<string, Spec>();

/** Code `usage` says what is wrong. */
export function runRequestOf(text: string): RunRequest {
	const spec = remembered.get(text) ?? validateSpec((jsonObject(text) as Partial<RunRequest>).spec);
	remembered.delete(text);
	if (text.length <= CHARACTERS_MAX) remembered.set(text, spec);
	for (const oldest of [...remembered.keys()].slice(0, -REMEMBERED_MAX)) remembered.delete(oldest);
	return { spec };
}
