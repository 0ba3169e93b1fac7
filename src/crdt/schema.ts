// Which version of the records a document is written in. A later minor version adds kinds and fields, which older nodes leave as
// they are; a later major version changes what is there, so that an older node must not decide by it any more.
// Must never: read a record.

import { SwarmError, shown } from "../errors.js";
import type { NodeId } from "../model.js";

export interface Schema {
	readonly major: number;
	readonly minor: number;
}

/** What this node writes and understands. */
export const SCHEMA: Schema = { major: 1, minor: 2 };
/** Of documents from before they said it. */
const FIRST: Schema = { major: 1, minor: 0 };

/** As it stands in a document: `[major, minor]`; anything else is an error `corrupt`. */
export function readSchema(given: unknown): Schema {
	if (given === undefined) return FIRST;
	const [major, minor] = Array.isArray(given) ? given : [];
	if (!Number.isSafeInteger(major) || !Number.isSafeInteger(minor) || major < 1 || minor < 0)
		throw new SwarmError("corrupt", `Cannot take a document: its schema is ${shown(given, 60)}`);
	return { major, minor };
}

export function isUnderstood(schema: Schema): boolean {
	return schema.major <= SCHEMA.major;
}

/** What a node that does not understand a member's document says to whoever wants to change something. */
export function newerSchemaError(writer: NodeId, schema: Schema): SwarmError {
	const { major } = SCHEMA;
	return new SwarmError(
		"refused",
		`Cannot change the state: node ${writer} writes schema ${schema.major}, this node knows ${major}; install that newer version of Stratoswarm here too (what runs here goes on until then)`,
		{ details: { writer, schema: schema.major, known: major } },
	);
}
