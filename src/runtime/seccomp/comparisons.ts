// One comparison of a system call's argument (OCI runtime spec, config-linux.md, `args`): 64 bits as two loads of 32. Pure.

import type { SeccompArgument } from "../../model.js";
import { type Instruction, load, op } from "./instructions.js";

/** struct seccomp_data: number, architecture, instruction pointer, six arguments. Little-endian: the low half comes first. */
const ARGUMENTS_OFFSET = 16;

type Step = readonly [code: number, value: number, yes: Target, no: Target];
/** Where a test leads: the next step, the instructions that follow (it holds), or behind them (it does not). */
type Target = "next" | "holds" | "fails";

/** Instructions that lead into `rest` when the comparison holds and behind it when not. `rest` may have 200 instructions at most. */
export function comparison(argument: SeccompArgument, rest: readonly Instruction[]): readonly Instruction[] {
	const steps = stepsOf(argument);
	return [
		...steps.map(([code, value, yes, no], at): Instruction => {
			const isTest = code === op.jumpIfEqual || code === op.jumpIfGreater || code === op.jumpIfAtLeast;
			const skip = (target: Target) => {
				if (target === "next") return 0;
				return steps.length - at - 1 + (target === "fails" ? rest.length : 0);
			};
			return isTest ? { code, yes: skip(yes), no: skip(no), value } : { code, yes: 0, no: 0, value };
		}),
		...rest,
	];
}

function stepsOf({ index, op: operator, value, valueTwo }: SeccompArgument): readonly Step[] {
	const { high, low } = halvesOf(value);
	const lowOffset = ARGUMENTS_OFFSET + index * 8;
	const loadHigh = plain(load(lowOffset + 4));
	const loadLow = plain(load(lowOffset));
	const { jumpIfEqual, jumpIfGreater, jumpIfAtLeast } = op;
	switch (operator) {
		case "SCMP_CMP_EQ":
			return [loadHigh, [jumpIfEqual, high, "next", "fails"], loadLow, [jumpIfEqual, low, "holds", "fails"]];
		case "SCMP_CMP_NE":
			return [loadHigh, [jumpIfEqual, high, "next", "holds"], loadLow, [jumpIfEqual, low, "fails", "holds"]];
		case "SCMP_CMP_GT":
		case "SCMP_CMP_GE":
			return [
				loadHigh,
				[jumpIfGreater, high, "holds", "next"],
				[jumpIfEqual, high, "next", "fails"],
				loadLow,
				[operator === "SCMP_CMP_GT" ? jumpIfGreater : jumpIfAtLeast, low, "holds", "fails"],
			];
		case "SCMP_CMP_LT":
		case "SCMP_CMP_LE":
			return [
				loadHigh,
				[jumpIfGreater, high, "fails", "next"],
				[jumpIfEqual, high, "next", "holds"],
				loadLow,
				[operator === "SCMP_CMP_LT" ? jumpIfAtLeast : jumpIfGreater, low, "fails", "holds"],
			];
		case "SCMP_CMP_MASKED_EQ": {
			const wanted = halvesOf(valueTwo ?? 0);
			return [
				loadHigh,
				[op.and, high, "next", "next"],
				[jumpIfEqual, wanted.high, "next", "fails"],
				loadLow,
				[op.and, low, "next", "next"],
				[jumpIfEqual, wanted.low, "holds", "fails"],
			];
		}
	}
}

function plain({ code, value }: Instruction): Step {
	return [code, value, "next", "next"];
}

function halvesOf(value: number | string): { readonly high: number; readonly low: number } {
	const whole = BigInt(value);
	return { high: Number(whole >> 32n), low: Number(whole & 0xffffffffn) };
}
