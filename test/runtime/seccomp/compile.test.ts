import { describe, expect, it } from "vitest";
import type { SeccompArgument, SeccompProfile } from "../../../src/model.js";
import { compileSeccomp } from "../../../src/runtime/seccomp/compile.js";
import { standardProfile, strictProfile } from "../../../src/runtime/seccomp/profiles.js";
import { type Architecture, syscallNumbers } from "../../../src/runtime/seccomp/syscall-numbers.js";
import { ALLOW, AUDIT_ARCH, errno, interpret, KILL_PROCESS } from "./interpreter.js";

const EPERM = 1;
const ENOSYS = 38;
const architectures: readonly Architecture[] = ["x86_64", "aarch64"];

function asking(profile: SeccompProfile, architecture: Architecture = "x86_64") {
	const program = compileSeccomp(profile, architecture);
	const numbers = syscallNumbers(architecture);
	return (name: string | number, ...args: bigint[]) => {
		const number = typeof name === "number" ? name : numbers.get(name);
		if (number === undefined) throw new Error(`no call ${name}`);
		return interpret(program, { number, architecture: AUDIT_ARCH[architecture], args });
	};
}

function profileOf(...syscalls: SeccompProfile["syscalls"]): SeccompProfile {
	return { defaultAction: "SCMP_ACT_ERRNO", syscalls };
}

describe.each(architectures)("our profiles on %s", (architecture) => {
	it.each([
		["standard", standardProfile],
		["strict", strictProfile],
	])("the %s one gives for every number what it says, and ENOSYS for what is no call", (_, profile) => {
		const answer = asking(profile, architecture);
		const plain = new Set(profile.syscalls.filter(({ args }) => args === undefined).flatMap(({ names }) => names));
		const withArguments = new Set(
			profile.syscalls.filter(({ args }) => args !== undefined).flatMap(({ names }) => names),
		);
		const names = new Map([...syscallNumbers(architecture)].map(([name, number]) => [number, name]));
		for (let number = 0; number < 1024; number++) {
			const name = names.get(number);
			if (name !== undefined && (withArguments.has(name) || name === "clone3")) continue;
			const wanted = name === undefined ? errno(ENOSYS) : plain.has(name) ? ALLOW : errno(EPERM);
			expect(answer(number), `${number} ${name}`).toBe(wanted);
		}
	});

	it("x32 calls are unknown and foreign architectures end the process", () => {
		const answer = asking(standardProfile, architecture);
		for (const number of [0x40000000, 0x40000001, 0x7fffffff, 0xffffffff]) expect(answer(number)).toBe(errno(ENOSYS));
		const program = compileSeccomp(standardProfile, architecture);
		for (const foreign of Object.values(AUDIT_ARCH).filter((code) => code !== AUDIT_ARCH[architecture]))
			expect(interpret(program, { number: 0, architecture: foreign })).toBe(KILL_PROCESS);
	});

	it("knows the cases that matter", () => {
		const answer = asking(standardProfile, architecture);
		expect(answer("read")).toBe(ALLOW);
		for (const name of ["mount", "unshare", "setns", "bpf", "keyctl", "init_module", "io_uring_setup", "kexec_load"])
			expect(answer(name), name).toBe(errno(EPERM));
		expect(answer("clone3")).toBe(errno(ENOSYS));
		expect(answer("clone", 0x10100n)).toBe(ALLOW);
		for (const flag of [0x20000n, 0x10000000n, 0x40000000n]) expect(answer("clone", flag)).toBe(errno(EPERM));
		expect(answer("personality", 0xffffffffn)).toBe(ALLOW);
		expect(answer("personality", 0xdeadbeef_ffffffffn)).toBe(ALLOW);
		expect(answer("personality", 0x40000n)).toBe(errno(EPERM));
		expect(answer("socket", 2n)).toBe(ALLOW);
		expect(answer("socket", 40n)).toBe(errno(EPERM));
		// The kernel takes an int: rubbish in the upper half must not hide AF_VSOCK.
		expect(answer("socket", 0xffffffff_00000028n)).toBe(errno(EPERM));
		const strict = asking(strictProfile, architecture);
		expect([1n, 2n, 10n, 16n].map((family) => strict("socket", family))).toEqual([ALLOW, ALLOW, ALLOW, ALLOW]);
		expect(strict("socket", 17n)).toBe(errno(EPERM));
		expect(strict("ptrace")).toBe(errno(EPERM));
	});
});

describe("the compiler", () => {
	const big = 0x1_0000_0000n;
	const edges = [0n, 1n, 5n, 6n, 7n, big - 1n, big, big + 5n, big + 6n, big + 7n, 2n * big, 6n * big, 2n ** 64n - 1n];
	const operators: readonly [SeccompArgument["op"], (argument: bigint, value: bigint) => boolean][] = [
		["SCMP_CMP_EQ", (argument, value) => argument === value],
		["SCMP_CMP_NE", (argument, value) => argument !== value],
		["SCMP_CMP_GT", (argument, value) => argument > value],
		["SCMP_CMP_GE", (argument, value) => argument >= value],
		["SCMP_CMP_LT", (argument, value) => argument < value],
		["SCMP_CMP_LE", (argument, value) => argument <= value],
	];
	it.each(operators)("compares 64 bits without sign by %s", (op, holds) => {
		for (const value of edges) {
			const args = [{ index: 3, value: `${value}`, op }];
			const answer = asking(profileOf({ names: ["read"], action: "SCMP_ACT_ALLOW", args }));
			for (const argument of edges)
				expect(answer("read", 0n, 0n, 0n, argument), `${argument} ${op} ${value}`).toBe(
					holds(argument, value) ? ALLOW : errno(EPERM),
				);
		}
	});

	it("compares under a mask of 64 bits", () => {
		const args = [
			{ index: 0, value: "0xff000000000000ff", valueTwo: "0x1200000000000034", op: "SCMP_CMP_MASKED_EQ" },
		] as const;
		const answer = asking(profileOf({ names: ["read"], action: "SCMP_ACT_ALLOW", args }));
		expect(answer("read", 0x12aaaaaaaaaaaa34n)).toBe(ALLOW);
		expect(answer("read", 0x13aaaaaaaaaaaa34n)).toBe(errno(EPERM));
		expect(answer("read", 0x12aaaaaaaaaaaa35n)).toBe(errno(EPERM));
	});

	it("wants all arguments of a rule, and takes several comparisons of one argument as alternatives", () => {
		const both = asking(
			profileOf({
				names: ["read"],
				action: "SCMP_ACT_ALLOW",
				args: [
					{ index: 0, value: 1, op: "SCMP_CMP_EQ" },
					{ index: 5, value: 2, op: "SCMP_CMP_GT" },
				],
			}),
		);
		expect(both("read", 1n, 0n, 0n, 0n, 0n, 3n)).toBe(ALLOW);
		expect(both("read", 1n, 0n, 0n, 0n, 0n, 2n)).toBe(errno(EPERM));
		expect(both("read", 0n, 0n, 0n, 0n, 0n, 3n)).toBe(errno(EPERM));
		const either = asking(
			profileOf({
				names: ["read"],
				action: "SCMP_ACT_ALLOW",
				args: [1, 7].map((value) => ({ index: 0, value, op: "SCMP_CMP_EQ" as const })),
			}),
		);
		expect([1n, 7n, 2n].map((argument) => either("read", argument))).toEqual([ALLOW, ALLOW, errno(EPERM)]);
	});

	it("lets rules with arguments go before the one without, wherever they stand", () => {
		const narrow = {
			names: ["socket"],
			action: "SCMP_ACT_ERRNO",
			errnoRet: 97,
			args: [{ index: 0, value: 40, op: "SCMP_CMP_EQ" }],
		} as const;
		const wide = { names: ["socket", "no_such_call"], action: "SCMP_ACT_ALLOW" } as const;
		for (const rules of [
			[narrow, wide],
			[wide, narrow],
		]) {
			const answer = asking(profileOf(...rules));
			expect(answer("socket", 40n)).toBe(errno(97));
			expect(answer("socket", 2n)).toBe(ALLOW);
		}
	});

	it("gives every action its value, and unknown calls ENOSYS only where others get an errno", () => {
		const values = [
			["SCMP_ACT_KILL", 0],
			["SCMP_ACT_KILL_THREAD", 0],
			["SCMP_ACT_KILL_PROCESS", KILL_PROCESS],
			["SCMP_ACT_TRAP", 0x30000],
			["SCMP_ACT_ERRNO", 0x50007],
			["SCMP_ACT_TRACE", 0x7ff00007],
			["SCMP_ACT_LOG", 0x7ffc0000],
			["SCMP_ACT_ALLOW", ALLOW],
		] as const;
		for (const [action, value] of values) {
			const answer = asking({ defaultAction: action, defaultErrnoRet: 7, syscalls: [] });
			expect(answer("read"), action).toBe(value);
			expect(answer(1000), action).toBe(action === "SCMP_ACT_ERRNO" ? errno(ENOSYS) : value);
		}
	});

	it("compiles the widest tree, and refuses what the kernel would not take", () => {
		const names = [...syscallNumbers("x86_64").keys()];
		const every = (part: number) => names.filter((_, index) => index % 2 === part);
		const args = [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }] as const;
		const answer = asking(
			profileOf(
				{ names: every(0), action: "SCMP_ACT_ALLOW", args },
				{ names: every(1), action: "SCMP_ACT_ERRNO", errnoRet: 9 },
			),
		);
		for (const [index, name] of names.entries())
			expect([answer(name, 1n), answer(name, 2n)], name).toEqual(
				index % 2 === 0 ? [ALLOW, errno(EPERM)] : [errno(9), errno(9)],
			);
		const rules = names.map((name, value) => ({
			names: [name],
			action: "SCMP_ACT_ALLOW" as const,
			args: [0, 1, 2, 3].map((index) => ({ index, value, op: "SCMP_CMP_EQ" as const })),
		}));
		expect(() => compileSeccomp(profileOf(...rules), "x86_64")).toThrow(
			/needs \d+ instructions, the kernel takes 4096/,
		);
	});

	it("refuses a profile that is not for this architecture", () => {
		const profile = { ...profileOf(), architectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"] };
		expect(() => compileSeccomp(profile, "aarch64")).toThrow(/wanted SCMP_ARCH_AARCH64 among them/);
		expect(compileSeccomp(profile, "x86_64")).toBeInstanceOf(Uint8Array);
	});

	it("keeps our own profiles small: the kernel checks every instruction at every start", () => {
		expect(compileSeccomp(standardProfile, "x86_64").length / 8).toBeLessThan(400);
	});
});
