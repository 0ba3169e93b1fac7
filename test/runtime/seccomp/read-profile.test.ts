import { describe, expect, it } from "vitest";
import { standardProfile, strictProfile } from "../../../src/runtime/seccomp/profiles.js";
import { readSeccompProfile } from "../../../src/runtime/seccomp/read-profile.js";

const least = { defaultAction: "SCMP_ACT_ALLOW" };
const rule = { names: ["read"], action: "SCMP_ACT_ALLOW" };
const argument = { index: 0, value: 1, op: "SCMP_CMP_EQ" };
const withArgument = (change: object) => ({ ...least, syscalls: [{ ...rule, args: [{ ...argument, ...change }] }] });

describe("reading seccomp profiles", () => {
	it("takes what the OCI runtime spec has, and gives only what says something", () => {
		const profile = {
			defaultAction: "SCMP_ACT_ERRNO",
			defaultErrnoRet: 38,
			architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
			flags: ["SECCOMP_FILTER_FLAG_TSYNC"],
			syscalls: [
				{ names: ["read", "write"], action: "SCMP_ACT_ALLOW", args: [] },
				{
					names: ["clone"],
					action: "SCMP_ACT_ERRNO",
					errnoRet: 1,
					args: [{ index: 0, value: "0xffffffffffffffff", valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
				},
			],
		};
		const { flags: _, ...rest } = profile;
		const [first, second] = profile.syscalls;
		expect(readSeccompProfile(profile)).toEqual({
			...rest,
			syscalls: [{ names: first?.names, action: first?.action }, second],
		});
	});

	it.each([[standardProfile], [strictProfile]])("takes its own answer and our own profiles as they are", (profile) => {
		expect(readSeccompProfile(JSON.parse(JSON.stringify(profile)))).toEqual(profile);
	});

	it.each([
		["no fields", [], "the profile is [], wanted fields"],
		["no default", {}, "defaultAction is missing, wanted one of SCMP_ACT_KILL"],
		["a listener", { defaultAction: "SCMP_ACT_NOTIFY" }, "defaultAction is SCMP_ACT_NOTIFY"],
		["Docker's own form", { ...least, archMap: [] }, "archMap is not a known field"],
		["an unknown flag", { ...least, flags: ["SECCOMP_FILTER_FLAG_LOG"] }, "flags[0] is SECCOMP_FILTER_FLAG_LOG"],
		[
			"a condition of Docker's",
			{ ...least, syscalls: [{ ...rule, includes: {} }] },
			"syscalls[0].includes is not a known",
		],
		["no names", { ...least, syscalls: [{ ...rule, names: [] }] }, "syscalls[0].names is [], wanted one name"],
		["a wrong errno", { ...least, defaultErrnoRet: 5000 }, "defaultErrnoRet is 5000, wanted a number from 0 to 4095"],
		["a seventh argument", withArgument({ index: 6 }), "syscalls[0].args[0].index is 6, wanted 0 to 5"],
		["an unknown operator", withArgument({ op: "EQ" }), "syscalls[0].args[0].op is EQ, wanted one of SCMP_CMP_NE"],
		["a number that JSON rounds", withArgument({ value: 2 ** 60 }), "or as text one up to 2^64 - 1"],
		["a number past 64 bits", withArgument({ value: "18446744073709551616" }), "value is 18446744073709551616"],
	])("refuses %s and names the field", (_, profile, sentence) => {
		expect(() => readSeccompProfile(profile)).toThrow(sentence);
	});
});
