// Runs a compiled seccomp program as the kernel would (linux/filter.h), instruction by instruction; throws on what the kernel's own
// checker would refuse: unknown instructions, jumps behind the end, loads outside of struct seccomp_data.

export const AUDIT_ARCH = { x86_64: 0xc000003e, aarch64: 0xc00000b7, i386: 0x40000003, arm: 0x40000028 } as const;

export const ALLOW = 0x7fff0000;
export const KILL_PROCESS = 0x80000000;
export const errno = (code: number): number => 0x00050000 | code;

export interface Call {
	readonly number: number;
	readonly architecture: number;
	readonly args?: readonly bigint[];
}

export function interpret(program: Uint8Array, { number, architecture, args = [] }: Call): number {
	const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
	const data = new DataView(new ArrayBuffer(64));
	data.setUint32(0, number, true);
	data.setUint32(4, architecture, true);
	for (const [index, value] of args.entries()) data.setBigUint64(16 + 8 * index, value, true);
	const count = program.byteLength / 8;
	let accumulator = 0;
	for (let at = 0; at < count; at++) {
		const value = code.getUint32(at * 8 + 4, true);
		const jump = (holds: boolean) => code.getUint8(at * 8 + (holds ? 2 : 3));
		switch (code.getUint16(at * 8, true)) {
			case 0x20:
				if (value > 60 || value % 4 !== 0) throw new Error(`instruction ${at} loads from ${value}`);
				accumulator = data.getUint32(value, true);
				break;
			case 0x54:
				accumulator = (accumulator & value) >>> 0;
				break;
			case 0x05:
				at += value;
				break;
			case 0x15:
				at += jump(accumulator === value);
				break;
			case 0x25:
				at += jump(accumulator > value);
				break;
			case 0x35:
				at += jump(accumulator >= value);
				break;
			case 0x06:
				return value;
			default:
				throw new Error(`instruction ${at} is unknown`);
		}
	}
	throw new Error("the program runs over its end");
}
