// config-linux.md#devices and #allowed-device-list as entries of the plan. Pure.

import { normalize } from "node:path";
import {
	absolutePath,
	at,
	count,
	type Field,
	filledText,
	flag,
	isAbsent,
	list,
	object,
	oneOf,
	optional,
	refuseField,
	text,
	uint32,
	whole,
} from "./fields.js";
import { type Entry, parts } from "./plan.js";

/** sys/stat.h */
const fileTypes = { c: 0o020000, u: 0o020000, b: 0o060000, p: 0o010000 } as const;
const DEFAULT_MODE = 0o666;

/** linux/bpf.h */
const ruleTypes = { b: 1, c: 2 } as const;
const access: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const ALL_ACCESS = 7;
const ANY = 0xffff_ffff;

export function deviceEntries(field: Field): readonly Entry[] {
	return optional(field, (devices) => list(devices, device), []);
}

function device(field: Field): Entry {
	const type = oneOf(at(object(field), "type"), Object.keys(fileTypes) as (keyof typeof fileTypes)[]);
	const target = normalize(absolutePath(at(field, "path")));
	const number = (name: string) => (type === "p" ? optional(at(field, name), whole, 0) : uint32(at(field, name)));
	const mode = optional(at(field, "fileMode"), count, DEFAULT_MODE);
	const id = (name: string) => optional(at(field, name), uint32, 0);
	const numbers = [fileTypes[type] | (mode & 0o7777), number("major"), number("minor"), id("uid"), id("gid")];
	return ["device", parts(...numbers, target)];
}

interface Rule {
	readonly allow: boolean;
	readonly type: number;
	readonly major: number;
	readonly minor: number;
	readonly access: number;
}

/** What every container has (config-linux.md#default-devices) and pseudo terminals, behind the configured rules, as runc and crun do. */
const always: readonly Rule[] = [
	...[3, 5, 7, 8, 9].map((minor) => ({ allow: true, type: ruleTypes.c, major: 1, minor, access: ALL_ACCESS })),
	...[0, 2].map((minor) => ({ allow: true, type: ruleTypes.c, major: 5, minor, access: ALL_ACCESS })),
	{ allow: true, type: ruleTypes.c, major: 136, minor: ANY, access: ALL_ACCESS },
	// Making a node is harmless: opening it is judged again.
	{ allow: true, type: ruleTypes.c, major: ANY, minor: ANY, access: 1 },
	{ allow: true, type: ruleTypes.b, major: ANY, minor: ANY, access: 1 },
];

/** Absent: no rule at all, everything is allowed that the caller may use. */
export function deviceRuleEntries(field: Field): readonly Entry[] {
	const rules = optional(field, (given) => list(given, rule), []);
	if (rules.length === 0) return [];
	return [...rules, ...always].map(
		({ allow, type, major, minor, access: kinds }): Entry => [
			"device-rule",
			parts(Number(allow), type, major, minor, kinds),
		],
	);
}

function rule(field: Field): Rule {
	const type = optional(at(object(field), "type"), text, "a");
	if (type !== "a" && type !== "b" && type !== "c") refuseField(at(field, "type"), "a, b or c");
	const letters = optional(at(field, "access"), filledText, "rwm");
	if (/[^rwm]/.test(letters)) refuseField(at(field, "access"), "letters of r, w and m");
	const number = (name: string) =>
		at(field, name).value === -1 || isAbsent(at(field, name)) ? ANY : uint32(at(field, name));
	return {
		allow: flag(at(field, "allow")),
		type: type === "a" ? ANY : ruleTypes[type],
		major: type === "a" ? ANY : number("major"),
		minor: type === "a" ? ANY : number("minor"),
		access: type === "a" ? ALL_ACCESS : [...letters].reduce((bits, letter) => bits | (access[letter] ?? 0), 0),
	};
}
