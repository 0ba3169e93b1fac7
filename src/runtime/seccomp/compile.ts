// From a seccomp profile in the form of the OCI runtime spec (config-linux.md, "Seccomp") to the classic BPF program that the kernel
// runs at every system call: a binary search over intervals of numbers that share an answer. Pure.
//
// What holds beyond the specification:
// - Only calls of this machine's own architecture pass: another one (32-bit programs) kills the process; x32 calls are unknown.
// - An unknown number gives ENOSYS where refused ones give an errno, so that programs fall back; otherwise the default.
// - Of several rules for one call those with arguments come first, in their order; then the first one without; then the default.
// - Names that this architecture does not have are skipped, as profiles are written for many.

import { SwarmError } from "../../errors.js";
import type { SeccompAction, SeccompProfile, SeccompRule } from "../../model.js";
import { comparison } from "./comparisons.js";
import { encodeInstructions, type Instruction, jumpIfAtLeast, load, op, returning } from "./instructions.js";
import { type Architecture, syscallNumbers } from "./syscall-numbers.js";

/** BPF_MAXINSNS of the kernel. */
export const INSTRUCTIONS_MAX = 4096;

const NUMBER_OFFSET = 0;
const ARCHITECTURE_OFFSET = 4;
const EPERM = 1;
const ENOSYS = 38;
const KILL_PROCESS = 0x80000000;
const ERRNO = 0x00050000;

/** linux/audit.h */
const auditArchitectures: Readonly<Record<Architecture, number>> = { x86_64: 0xc000003e, aarch64: 0xc00000b7 };

/** linux/seccomp.h; errno and trace carry 16 bits of data. */
const returns: Readonly<Record<SeccompAction, number>> = {
	SCMP_ACT_KILL: 0,
	SCMP_ACT_KILL_THREAD: 0,
	SCMP_ACT_KILL_PROCESS: KILL_PROCESS,
	SCMP_ACT_TRAP: 0x00030000,
	SCMP_ACT_ERRNO: ERRNO,
	SCMP_ACT_TRACE: 0x7ff00000,
	SCMP_ACT_LOG: 0x7ffc0000,
	SCMP_ACT_ALLOW: 0x7fff0000,
};

/** Throws `too-large` for a profile that needs more instructions than the kernel takes. */
export function compileSeccomp(profile: SeccompProfile, architecture: Architecture): Uint8Array {
	checkArchitectures(profile, architecture);
	const search = searchOf(intervalsOf(profile, architecture));
	const program = [
		load(ARCHITECTURE_OFFSET),
		{ code: op.jumpIfEqual, yes: 1, no: 0, value: auditArchitectures[architecture] },
		returning(KILL_PROCESS),
		load(NUMBER_OFFSET),
		...search,
	];
	if (program.length > INSTRUCTIONS_MAX)
		throw new SwarmError(
			"too-large",
			`Cannot compile the seccomp profile: it needs ${program.length} instructions, the kernel takes ${INSTRUCTIONS_MAX}`,
		);
	return encodeInstructions(program);
}

function checkArchitectures({ architectures = [] }: SeccompProfile, own: Architecture): void {
	const name = own === "x86_64" ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64";
	if (architectures.length === 0 || architectures.includes(name)) return;
	throw new SwarmError(
		"refused",
		`Cannot compile the seccomp profile: it is for ${architectures.join(", ")}, wanted ${name} among them`,
	);
}

/** From `first` to the next one's first, every call is answered by `code`. */
interface Interval {
	readonly first: number;
	readonly code: readonly Instruction[];
	readonly key: string;
}

function intervalsOf(profile: SeccompProfile, architecture: Architecture): readonly Interval[] {
	const numbers = syscallNumbers(architecture);
	const rules = rulesByNumber(profile, numbers);
	const refused = [returning(answerOf(profile.defaultAction, profile.defaultErrnoRet))];
	const unknown = profile.defaultAction === "SCMP_ACT_ERRNO" ? [returning(ERRNO | ENOSYS)] : refused;
	const known = new Set(numbers.values());
	const intervals: Interval[] = [];
	for (let number = 0; number <= Math.max(...known) + 1; number++) {
		const code = known.has(number) ? codeOf(rules.get(number) ?? [], refused) : unknown;
		const key = code.map(({ code, yes, no, value }) => `${code} ${yes} ${no} ${value}`).join();
		if (intervals.at(-1)?.key !== key) intervals.push({ first: number, code, key });
	}
	return intervals;
}

function rulesByNumber(profile: SeccompProfile, numbers: ReadonlyMap<string, number>) {
	const rules = new Map<number, SeccompRule[]>();
	for (const rule of profile.syscalls)
		for (const name of rule.names) {
			const number = numbers.get(name);
			if (number !== undefined) rules.set(number, [...(rules.get(number) ?? []), ...alternatives(rule)]);
		}
	return rules;
}

/** Several comparisons of one argument cannot be meant together: each is a rule of its own, as runc and crun read it. */
function alternatives(rule: SeccompRule): readonly SeccompRule[] {
	const args = rule.args ?? [];
	if (new Set(args.map(({ index }) => index)).size === args.length) return [rule];
	return args.map((argument) => ({ ...rule, args: [argument] }));
}

/** All rules of one call: the first whose arguments hold answers. */
function codeOf(rules: readonly SeccompRule[], refused: readonly Instruction[]): readonly Instruction[] {
	const narrow = rules.filter((rule) => (rule.args ?? []).length > 0);
	const wide = rules.find((rule) => (rule.args ?? []).length === 0);
	return [
		...narrow.flatMap(ruleCode),
		...(wide === undefined ? refused : [returning(answerOf(wide.action, wide.errnoRet))]),
	];
}

/** Every comparison in turn; one that does not hold jumps behind the rule's answer. */
function ruleCode(rule: SeccompRule): readonly Instruction[] {
	return (rule.args ?? []).reduceRight<readonly Instruction[]>(
		(rest, argument) => comparison(argument, rest),
		[returning(answerOf(rule.action, rule.errnoRet))],
	);
}

function answerOf(action: SeccompAction, errno: number | undefined): number {
	const carries = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
	return returns[action] + (carries ? (errno ?? EPERM) : 0);
}

/** The accumulator holds the number. */
function searchOf(intervals: readonly Interval[]): readonly Instruction[] {
	const [only] = intervals;
	if (intervals.length === 1 && only !== undefined) return only.code;
	const middle = Math.floor(intervals.length / 2);
	const below = searchOf(intervals.slice(0, middle));
	const above = searchOf(intervals.slice(middle));
	return [...jumpIfAtLeast(intervals[middle]?.first ?? 0, below.length), ...below, ...above];
}
