// The door for seccomp profiles in the form of the OCI runtime spec (config-linux.md, "Seccomp"): from files, specs and bundles.
// Pure. Must never pass over what it does not understand: a rule that is left out is a call that is allowed or refused by mistake.

import { SwarmError, shown } from "../../errors.js";
import type { SeccompAction, SeccompArgument, SeccompProfile, SeccompRule } from "../../model.js";

const RULES_MAX = 1024;
const NAMES_MAX = 1024;
const ARGUMENTS_MAX = 6;
const FLAGS_MAX = 8;
const ERRNO_MAX = 4095;
const VALUE_MAX = 2n ** 64n - 1n;

export const seccompActions: readonly SeccompAction[] = [
	"SCMP_ACT_KILL",
	"SCMP_ACT_KILL_THREAD",
	"SCMP_ACT_KILL_PROCESS",
	"SCMP_ACT_TRAP",
	"SCMP_ACT_ERRNO",
	"SCMP_ACT_TRACE",
	"SCMP_ACT_LOG",
	"SCMP_ACT_ALLOW",
];
export const seccompOperators: readonly SeccompArgument["op"][] = [
	"SCMP_CMP_NE",
	"SCMP_CMP_LT",
	"SCMP_CMP_LE",
	"SCMP_CMP_EQ",
	"SCMP_CMP_GE",
	"SCMP_CMP_GT",
	"SCMP_CMP_MASKED_EQ",
];
/** A filter is loaded by the only thread there is, so that this one changes nothing. */
const harmlessFlags = ["SECCOMP_FILTER_FLAG_TSYNC"];

type Fields = Readonly<Record<string, unknown>>;

/** Throws `usage`; `details` has the field, what was given and what is wanted. */
export function readSeccompProfile(given: unknown): SeccompProfile {
	const profile = fieldsOf(given, "the profile", [
		"defaultAction",
		"defaultErrnoRet",
		"architectures",
		"flags",
		"syscalls",
	]);
	for (const [index, flag] of listOf(profile.flags, "flags", FLAGS_MAX).entries())
		if (!harmlessFlags.includes(String(flag))) wrong(`flags[${index}]`, flag, harmlessFlags.join(", "));
	const architectures = listOf(profile.architectures, "architectures", 64).map((name, index) => {
		if (typeof name !== "string" || !/^SCMP_ARCH_[A-Z0-9_]+$/.test(name))
			wrong(`architectures[${index}]`, name, "a name such as SCMP_ARCH_X86_64");
		return name as string;
	});
	const defaultErrnoRet = errnoOf(profile.defaultErrnoRet, "defaultErrnoRet");
	return {
		defaultAction: actionOf(profile.defaultAction, "defaultAction"),
		...(defaultErrnoRet === null ? {} : { defaultErrnoRet }),
		...(architectures.length === 0 ? {} : { architectures }),
		syscalls: listOf(profile.syscalls, "syscalls", RULES_MAX).map((rule, index) => ruleOf(rule, `syscalls[${index}]`)),
	};
}

function ruleOf(given: unknown, field: string): SeccompRule {
	const rule = fieldsOf(given, field, ["names", "action", "errnoRet", "args"]);
	const names = listOf(rule.names, `${field}.names`, NAMES_MAX).map((name, index) => {
		if (typeof name !== "string" || !/^\w{1,64}$/.test(name))
			wrong(`${field}.names[${index}]`, name, "the name of a system call");
		return name as string;
	});
	if (names.length === 0) wrong(`${field}.names`, rule.names, "one name or more");
	const args = listOf(rule.args, `${field}.args`, ARGUMENTS_MAX).map((argument, index) =>
		argumentOf(argument, `${field}.args[${index}]`),
	);
	const errnoRet = errnoOf(rule.errnoRet, `${field}.errnoRet`);
	return {
		names,
		action: actionOf(rule.action, `${field}.action`),
		...(errnoRet === null ? {} : { errnoRet }),
		...(args.length === 0 ? {} : { args }),
	};
}

function argumentOf(given: unknown, field: string): SeccompArgument {
	const argument = fieldsOf(given, field, ["index", "value", "valueTwo", "op"]);
	const { index } = argument;
	if (!Number.isInteger(index) || (index as number) < 0 || (index as number) > 5)
		wrong(`${field}.index`, index, "0 to 5");
	const operator = seccompOperators.find((known) => known === argument.op);
	if (operator === undefined) wrong(`${field}.op`, argument.op, `one of ${seccompOperators.join(", ")}`);
	const valueTwo = argument.valueTwo == null ? {} : { valueTwo: numberOf(argument.valueTwo, `${field}.valueTwo`) };
	return {
		index: index as number,
		value: numberOf(argument.value, `${field}.value`),
		...valueTwo,
		op: operator as SeccompArgument["op"],
	};
}

function numberOf(given: unknown, field: string): number | string {
	if (typeof given === "number" && Number.isSafeInteger(given) && given >= 0) return given;
	if (typeof given === "string" && /^(\d{1,20}|0x[0-9a-fA-F]{1,16})$/.test(given) && BigInt(given) <= VALUE_MAX)
		return given;
	return wrong(field, given, "a number from 0 to 2^53 - 1, or as text one up to 2^64 - 1");
}

function actionOf(given: unknown, field: string): SeccompAction {
	return seccompActions.find((known) => known === given) ?? wrong(field, given, `one of ${seccompActions.join(", ")}`);
}

function errnoOf(given: unknown, field: string): number | null {
	if (given === undefined || given === null) return null;
	if (Number.isInteger(given) && (given as number) >= 0 && (given as number) <= ERRNO_MAX) return given as number;
	return wrong(field, given, `a number from 0 to ${ERRNO_MAX}`);
}

function listOf(given: unknown, field: string, most: number): readonly unknown[] {
	if (given === undefined || given === null) return [];
	if (!Array.isArray(given)) return wrong(field, given, "a list");
	if (given.length > most) return wrong(field, `${given.length} entries`, `at most ${most}`);
	return given;
}

function fieldsOf(given: unknown, field: string, known: readonly string[]): Fields {
	if (typeof given !== "object" || given === null || Array.isArray(given))
		return wrong(field, given, `fields (${known.join(", ")})`);
	const unknown = Object.keys(given).find((name) => !known.includes(name));
	if (unknown !== undefined)
		return wrong(
			`${field === "the profile" ? "" : `${field}.`}${unknown}`,
			"not a known field",
			`one of ${known.join(", ")}`,
		);
	return given as Fields;
}

function wrong(field: string, given: unknown, wanted: string): never {
	const text = typeof given === "string" ? given.slice(0, 60) : given === undefined ? "missing" : shown(given, 60);
	throw new SwarmError("usage", `Cannot read the seccomp profile: ${field} is ${text}, wanted ${wanted}`, {
		details: { field, given: text, wanted },
	});
}
