// flock(2) of the C library (koffi), which Node does not offer: held by an open file, gone with the process that has it open.

import koffi from "koffi";

const [LOCK_EX, LOCK_NB] = [2, 4];

let flock: ((descriptor: number, operation: number) => number) | undefined;

/** false when another open file has it. Never blocks. */
export function tryLockFile(descriptor: number): boolean {
	flock ??= koffi.load(null).func("int flock(int, int)");
	return flock(descriptor, LOCK_EX | LOCK_NB) === 0;
}
