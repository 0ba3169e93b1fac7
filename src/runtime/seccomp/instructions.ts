// Classic BPF instructions as seccomp takes them (linux/filter.h, linux/bpf_common.h), and their bytes. Pure.

export interface Instruction {
	readonly code: number;
	/** Instructions to skip when the test holds, and when not: 0 to 255. */
	readonly yes: number;
	readonly no: number;
	/** 32 bits without sign. */
	readonly value: number;
}

/** BPF_LD | BPF_W | BPF_ABS and so on; K: compared with the instruction's value. */
export const op = {
	load: 0x20,
	and: 0x54,
	jump: 0x05,
	jumpIfEqual: 0x15,
	jumpIfGreater: 0x25,
	jumpIfAtLeast: 0x35,
	return: 0x06,
} as const;

/** What a conditional jump can skip. */
const SKIP_MAX = 255;
const INSTRUCTION_BYTES = 8;

/** 32 bits of struct seccomp_data. */
export function load(offset: number): Instruction {
	return { code: op.load, yes: 0, no: 0, value: offset };
}

export function returning(value: number): Instruction {
	return { code: op.return, yes: 0, no: 0, value: value >>> 0 };
}

/** Skips `skipped` instructions when the accumulator is at least `value`, however many they are. */
export function jumpIfAtLeast(value: number, skipped: number): readonly Instruction[] {
	if (skipped <= SKIP_MAX) return [{ code: op.jumpIfAtLeast, yes: skipped, no: 0, value }];
	return [
		{ code: op.jumpIfAtLeast, yes: 0, no: 1, value },
		{ code: op.jump, yes: 0, no: 0, value: skipped },
	];
}

/** An array of struct sock_filter; both of our architectures are little-endian. */
export function encodeInstructions(program: readonly Instruction[]): Uint8Array {
	const bytes = new DataView(new ArrayBuffer(program.length * INSTRUCTION_BYTES));
	for (const [index, { code, yes, no, value }] of program.entries()) {
		const at = index * INSTRUCTION_BYTES;
		bytes.setUint16(at, code, true);
		bytes.setUint8(at + 2, yes);
		bytes.setUint8(at + 3, no);
		bytes.setUint32(at + 4, value, true);
	}
	return new Uint8Array(bytes.buffer);
}
