// config.md#posix-platform-hooks as entries of the plan. Pure.

import { absolutePath, at, count, type Field, list, object, optional, refuseField, text } from "./fields.js";
import { type Entry, parts } from "./plan.js";

/** In the order of plan.h, enum plan_hook_kind. */
export const hookKinds = [
	"prestart",
	"createRuntime",
	"createContainer",
	"startContainer",
	"poststart",
	"poststop",
] as const;

export type HookKind = (typeof hookKinds)[number];

export function hookEntries(field: Field): readonly Entry[] {
	return optional(field, (given) => hookKinds.flatMap((kind, number) => hooksOf(at(object(given), kind), number)), []);
}

function hooksOf(field: Field, kind: number): readonly Entry[] {
	return optional(field, (given) => list(given, (hook) => hookOf(object(hook), kind)).flat(), []);
}

function hookOf(field: Field, kind: number): readonly Entry[] {
	const program = absolutePath(at(field, "path"));
	const timeout = at(field, "timeout");
	if (optional(timeout, count, 1) === 0) refuseField(timeout, "a whole number of seconds from 1");
	const words = (name: string) => optional(at(field, name), (values) => list(values, text), []);
	return [
		["hook", parts(kind, optional(timeout, count, 0), program)],
		...words("args").map((argument): Entry => ["hook-arg", argument]),
		...words("env").map((variable): Entry => ["hook-env", variable]),
	];
}
