// Compiled seccomp profiles in real processes: every action and every comparison, asked for by a program that makes the calls.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { SeccompArgument, SeccompProfile } from "../../src/model.js";
import { strictProfile } from "../../src/runtime/seccomp/profiles.js";
import { ownArchitecture, syscallNumbers } from "../../src/runtime/seccomp/syscall-numbers.js";
import { pathOf } from "../support/kernel.js";
import { make, makeRoot, missing, securityOf, type Trial } from "./support/trial.js";

const lacking = missing() ?? (pathOf("gcc") === null ? "gcc" : null);
const numbers = syscallNumbers(ownArchitecture() ?? "x86_64");

/** Makes the calls `number,argument,…` in turn and prints 0 or the errno of each. */
const program = `
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **calls) {
	for (int i = 1; i < count; i++) {
		unsigned long a[7] = { 0 };
		char *at = calls[i];
		for (int k = 0; k < 7 && *at; k++, at += *at == ',') a[k] = strtoul(at, &at, 0);
		errno = 0;
		long result = syscall((long)a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
		printf("%d\\n", result < 0 ? errno : 0);
		fflush(stdout);
	}
	return 0;
}`;

describe.skipIf(lacking !== null)(`seccomp profiles${lacking === null ? "" : ` (needs ${lacking})`}`, () => {
	let root: ReturnType<typeof makeRoot>;
	let trial: Trial | null = null;
	beforeAll(() => {
		root = makeRoot();
		writeFileSync(join(root.path, "calls.c"), program);
		execFileSync("gcc", ["-static", "-O1", "-o", join(root.path, "bin/calls"), join(root.path, "calls.c")]);
	});
	afterEach(async () => {
		await trial?.dispose();
		trial = null;
	});
	afterAll(() => root.dispose());

	/** What each call gave, and how the program ended. */
	async function calls(seccomp: SeccompProfile | "default" | "unconfined", ...asked: string[]) {
		const texts = asked.map((text) => text.replace(/^[a-z_0-9]+/, (name) => String(numbers.get(name) ?? name)));
		trial = await make(root.path, {
			args: ["calls", ...texts],
			security: securityOf({ seccomp }),
		});
		expect(await trial.ask("start 3")).toBe("ok start");
		const { code, signal } = await trial.exited();
		return { code, signal, errors: trial.log("stdout").map((line) => Number(line.slice(2))) };
	}
	const except = (...syscalls: SeccompProfile["syscalls"]): SeccompProfile => ({
		defaultAction: "SCMP_ACT_ALLOW",
		syscalls,
	});
	const rule = (op: SeccompArgument["op"], value: string, valueTwo?: string) =>
		except({
			names: ["setpriority"],
			action: "SCMP_ACT_ERRNO",
			errnoRet: 77,
			args: [{ index: 1, value, op, ...(valueTwo === undefined ? {} : { valueTwo }) }],
		});
	/** Without the filter every one of these gives another errno than 77, without doing anything. */
	const asked = (...values: string[]) => values.map((value) => `setpriority,9,${value}`);
	const [EINVAL, HIT] = [22, 77];

	test.each<[SeccompArgument["op"], readonly number[]]>([
		["SCMP_CMP_EQ", [EINVAL, HIT, EINVAL, EINVAL]],
		["SCMP_CMP_NE", [HIT, EINVAL, HIT, HIT]],
		["SCMP_CMP_LT", [HIT, EINVAL, EINVAL, EINVAL]],
		["SCMP_CMP_LE", [HIT, HIT, EINVAL, EINVAL]],
		["SCMP_CMP_GT", [EINVAL, EINVAL, HIT, HIT]],
		["SCMP_CMP_GE", [EINVAL, HIT, HIT, HIT]],
	])("%s compares all 64 bits", async (op, errors) => {
		const values = asked("0x100000004", "0x100000005", "0x100000006", "0xf00000000");
		expect(await calls(rule(op, "0x100000005"), ...values)).toEqual({ code: 0, signal: 0, errors });
	});

	test("SCMP_CMP_MASKED_EQ looks at the masked bits alone", async () => {
		const values = asked("0x34", "0xab00000034", "0x1000000000000034", "0x35");
		const { errors } = await calls(rule("SCMP_CMP_MASKED_EQ", "0xf0000000000000ff", "0x34"), ...values);
		expect(errors).toEqual([HIT, HIT, EINVAL, EINVAL]);
	});

	test("errno, allowed and logged calls go on; the others end it by signal", async () => {
		const errnos = except(
			{ names: ["getpgid"], action: "SCMP_ACT_ERRNO", errnoRet: 5 },
			{ names: ["getsid"], action: "SCMP_ACT_LOG" },
			{ names: ["getppid"], action: "SCMP_ACT_TRACE" },
		);
		const { errors } = await calls(errnos, "getpgid,0", "getsid,0", "getpid", "getppid");
		// Without a tracer a traced call is absent: ENOSYS.
		expect(errors).toEqual([5, 0, 0, 38]);
		for (const action of ["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"] as const) {
			await trial?.dispose();
			expect(await calls(except({ names: ["getpgid"], action }), "getpid", "getpgid,0")).toMatchObject({
				signal: 31,
				errors: [0],
			});
		}
	});

	test("our standard: refused EPERM, unknown and x32 ENOSYS; unconfined: the kernel's own answers", async () => {
		const list = ["getpid", "bpf,99", "clone3", "1000", "0x40000001", "socket,0xffffffff00000028,1", "keyctl,99"];
		expect((await calls("default", ...list)).errors).toEqual([0, 1, 38, 38, 38, 1, 1]);
		await trial?.dispose();
		const { errors } = await calls("unconfined", "clone3", "1000", "keyctl,99");
		expect(errors).toEqual([22, 38, 95]);
	});

	test("our strict profile takes more away", async () => {
		const list = ["getpid", "ptrace", "socket,2,1", "socket,17,3", "memfd_secret"];
		expect((await calls(strictProfile, ...list)).errors).toEqual([0, 1, 0, 1, 1]);
	});
});
