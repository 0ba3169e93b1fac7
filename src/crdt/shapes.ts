// Checks of JSON values from outside: each shape names the field, what was given and what is wanted. Unknown fields are
// left as they are, so that records of newer versions survive. Must never: change a value or follow inherited fields.

import { SwarmError } from "../errors.js";

/** Throws SwarmError `corrupt` unless `value` has the shape; `path` names it in the message. */
export type Shape = (value: unknown, path: string) => void;

const DEPTH_MAX = 12;
const VALUES_MAX = 50_000;
const TEXT_MAX = 64 * 1024;

export function text(lengthMax: number, pattern: RegExp | null = null): Shape {
	return (value, path) => {
		if (typeof value !== "string") refuse(path, value, "text");
		if (value.length > lengthMax) refuse(path, value, `at most ${lengthMax} characters`);
		if (pattern !== null && !pattern.test(value)) refuse(path, value, `text like ${pattern}`);
	};
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Shape {
	return (value, path) => {
		if (!Number.isSafeInteger(value)) refuse(path, value, "a whole number");
		if ((value as number) < min || (value as number) > max) refuse(path, value, `${min} to ${max}`);
	};
}

export function number(min: number): Shape {
	return (value, path) => {
		if (typeof value !== "number" || !Number.isFinite(value) || value < min)
			refuse(path, value, `a number from ${min}`);
	};
}

export const flag: Shape = (value, path) => {
	if (typeof value !== "boolean") refuse(path, value, "true or false");
};

export function oneOf(...allowed: readonly string[]): Shape {
	return (value, path) => {
		if (typeof value !== "string" || !allowed.includes(value)) refuse(path, value, allowed.join(", "));
	};
}

export function nullable(shape: Shape): Shape {
	return (value, path) => {
		if (value !== null) shape(value, path);
	};
}

/** A field that records of older versions do not have; null is the same. */
export function optional(shape: Shape): Shape {
	return (value, path) => {
		if (value !== undefined && value !== null) shape(value, path);
	};
}

export function list(item: Shape, lengthMax: number): Shape {
	return (value, path) => {
		if (!Array.isArray(value)) refuse(path, value, "a list");
		if (value.length > lengthMax) refuse(path, value, `at most ${lengthMax} entries`);
		for (let index = 0; index < value.length; index++) item(value[index], `${path}[${index}]`);
	};
}

/** Text keys with values of one shape. */
export function dictionary(item: Shape, sizeMax: number): Shape {
	return (value, path) => {
		if (!isPlain(value)) refuse(path, value, "a record");
		const fields = Object.entries(value);
		if (fields.length > sizeMax) refuse(path, value, `at most ${sizeMax} entries`);
		for (const [key, field] of fields) item(field, `${path}.${key}`);
	};
}

export function record(fields: Readonly<Record<string, Shape>>): Shape {
	const entries = Object.entries(fields).map(([name, shape]) => [name, `.${name}`, shape] as const);
	return (value, path) => {
		if (!isPlain(value)) refuse(path, value, "a record");
		for (const [name, suffix, shape] of entries) {
			shape(Object.hasOwn(value, name) ? value[name] : undefined, path + suffix);
		}
	};
}

/** A record whose field `kind` names its shape. */
export function variant(shapes: Readonly<Record<string, Shape>>): Shape {
	return (value, path) => {
		if (!isPlain(value)) refuse(path, value, "a record");
		const { kind } = value;
		if (typeof kind !== "string" || !Object.hasOwn(shapes, kind))
			refuse(`${path}.kind`, kind, Object.keys(shapes).join(", "));
		shapes[kind]?.(value, path);
	};
}

/** Plain JSON of bounded depth, size and text: no prototypes, bytes, NaN, undefined or cycles anywhere. */
export function checkJson(root: unknown, path: string): void {
	let values = 0;
	const check = (value: unknown, depth: number): void => {
		values += 1;
		if (values > VALUES_MAX) refuse(path, "more", `at most ${VALUES_MAX} values`);
		if (depth > DEPTH_MAX) refuse(path, "deeper", `at most ${DEPTH_MAX} levels`);
		if (value === null || typeof value === "boolean") return;
		if (typeof value === "string") {
			if (value.length > TEXT_MAX) refuse(path, value, `at most ${TEXT_MAX} characters`);
		} else if (typeof value === "number") {
			if (!Number.isFinite(value)) refuse(path, value, "finite numbers");
		} else if (Array.isArray(value)) {
			// A loop by index, so that holes are seen as undefined.
			for (let index = 0; index < value.length; index++) check(value[index], depth + 1);
		} else if (isPlain(value)) {
			for (const key of Object.keys(value)) {
				check(key, depth + 1);
				check(value[key], depth + 1);
			}
		} else refuse(path, value, "plain JSON");
	};
	check(root, 0);
}

function isPlain(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function refuse(path: string, given: unknown, wanted: string): never {
	const shown = typeof given === "string" ? JSON.stringify(given.slice(0, 60)) : describe(given);
	throw new SwarmError("corrupt", `Cannot take a record: ${path} is ${shown}, ${wanted} is wanted`);
}

function describe(given: unknown): string {
	if (Array.isArray(given)) return `a list of ${given.length}`;
	return typeof given === "object" && given !== null ? "an object" : String(given);
}
