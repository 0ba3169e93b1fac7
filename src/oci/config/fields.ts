// Reading foreign JSON field by field: every refusal names the field, what was given and what is wanted. Unknown fields are not
// looked at (runtime-spec config.md#extensibility).

import { SwarmError, shown } from "../../errors.js";

export type Json = Readonly<Record<string, unknown>>;

/** A value and where it stands: `process.user.uid`. */
export interface Field {
	readonly path: string;
	readonly value: unknown;
}

export function refuseField(field: Field, wanted: string): never {
	const given = field.value === undefined ? "absent" : shown(field.value, 200);
	throw new SwarmError("usage", `Cannot read the configuration: ${field.path} is ${given}, wanted ${wanted}`, {
		details: { field: field.path },
	});
}

/** Configured, known to the specification, and not offered here: that is an error (config.md#valid-values). */
export function refuseUnsupported(field: Field, reason: string): never {
	throw new SwarmError("unsupported", `Cannot apply the configuration: ${field.path} is set, but ${reason}`, {
		details: { field: field.path },
	});
}

export function at(parent: Field, name: string): Field {
	const value = (object(parent).value as Json)[name];
	return { path: parent.path === "" ? name : `${parent.path}.${name}`, value: value === null ? undefined : value };
}

export function isAbsent(field: Field): boolean {
	return field.value === undefined;
}

/** Gives `empty` for an absent field. */
export function optional<T, E>(field: Field, read: (field: Field) => T, empty: E): T | E {
	return isAbsent(field) ? empty : read(field);
}

export function object(field: Field): Field {
	if (typeof field.value !== "object" || field.value === null || Array.isArray(field.value))
		refuseField(field, "an object");
	return field;
}

export function list<T>(field: Field, read: (field: Field) => T): readonly T[] {
	if (!Array.isArray(field.value)) refuseField(field, "a list");
	return (field.value as unknown[]).map((value, index) => read({ path: `${field.path}[${index}]`, value }));
}

export function text(field: Field): string {
	if (typeof field.value !== "string" || field.value.includes("\0")) refuseField(field, "a string");
	return field.value as string;
}

export function filledText(field: Field): string {
	return text(field) === "" ? refuseField(field, "a string that is not empty") : (field.value as string);
}

/** Paths are parts of lines further on. */
export function path(field: Field): string {
	const value = filledText(field);
	return value.includes("\n") ? refuseField(field, "a path without a line feed") : value;
}

export function absolutePath(field: Field): string {
	return path(field).startsWith("/") ? path(field) : refuseField(field, "an absolute path");
}

export function flag(field: Field): boolean {
	return typeof field.value === "boolean" ? field.value : refuseField(field, "true or false");
}

export function whole(field: Field): number {
	return Number.isInteger(field.value) ? (field.value as number) : refuseField(field, "a whole number");
}

export function count(field: Field): number {
	return whole(field) >= 0 ? whole(field) : refuseField(field, "a whole number from 0");
}

const UINT32_MAX = 0xffff_ffff;

export function uint32(field: Field): number {
	return count(field) <= UINT32_MAX ? count(field) : refuseField(field, `a whole number from 0 to ${UINT32_MAX}`);
}

export function oneOf<T extends string>(field: Field, names: readonly T[]): T {
	const found = names.find((name) => name === field.value);
	return found ?? refuseField(field, `one of ${names.join(", ")}`);
}

export function texts(field: Field): Readonly<Record<string, string>> {
	const entries = Object.keys(object(field).value as Json);
	return Object.fromEntries(entries.map((name) => [name, text(at(field, name))]));
}
