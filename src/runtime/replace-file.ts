// A small file replaced in one step: a killed daemon leaves the old or the new.

import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** `durable`: also through a power cut (half a millisecond). */
export function replaceFile(path: string, text: string, durable: boolean): void {
	const temporary = `${path}.new`;
	const descriptor = openSync(temporary, "w", 0o600);
	try {
		writeSync(descriptor, text);
		if (durable) fsyncSync(descriptor);
	} finally {
		closeSync(descriptor);
	}
	renameSync(temporary, path);
	if (durable) syncDirectory(dirname(path));
}

function syncDirectory(path: string): void {
	const descriptor = openSync(path, "r");
	try {
		fsyncSync(descriptor);
	} finally {
		closeSync(descriptor);
	}
}
