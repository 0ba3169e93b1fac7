// The files of one output stream in the order in which they were written: `stdout.<number>`, rising, then `stdout`, which grows
// until the monitor makes it the next number (native/monitor/log-file.c). Opened files can be read to their end although they are
// renamed or removed meanwhile. Must never guess: what is not one unbroken row of files is looked at again.

import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { SwarmError } from "../../errors.js";
import type { LogLine } from "../../model.js";

/** A look fails when a file became full in its middle; each takes a few tenths of a millisecond. */
const LOOKS_MAX = 100;
/** The monitor makes the next file some microseconds after it renamed the last one; one that was killed in between never does. */
const LOOKS_FOR_CURRENT = 10;

/** Everything that is there, oldest first; the last is the one that grows. The caller closes them. */
export function openSegments(directory: string, stream: LogLine["stream"]): Promise<readonly FileHandle[]> {
	return lookUntilWhole(directory, stream, 0);
}

/** What follows a file that grew when it was opened; null while it still does. */
export async function openFollowing(
	directory: string,
	stream: LogLine["stream"],
	handle: FileHandle,
): Promise<readonly FileHandle[] | null> {
	const { ino } = await handle.stat();
	if ((await inodeOf(join(directory, stream))) === ino) return null;
	for (const number of await numbersOf(directory, stream))
		if ((await inodeOf(join(directory, `${stream}.${number}`))) === ino)
			return lookUntilWhole(directory, stream, number);
	// So many are full since that this one is gone: all that is left came later.
	return lookUntilWhole(directory, stream, 0);
}

/** The files after that number, none of which can be missing but the oldest. */
async function lookUntilWhole(
	directory: string,
	stream: LogLine["stream"],
	after: number,
): Promise<readonly FileHandle[]> {
	for (let look = 0; look < LOOKS_MAX; look++) {
		const numbers = (await numbersOf(directory, stream)).filter((number) => number > after);
		const full = await openAll(
			numbers.map((number) => `${stream}.${number}`),
			directory,
		);
		const [current = null] = await openAll([stream], directory);
		const last = numbers.at(-1) ?? after;
		const follows = current === null ? look >= LOOKS_FOR_CURRENT : await isNext(directory, stream, current, last);
		const isNothing = current === null && numbers.length === 0 && after === 0;
		if (follows || isNothing) return unbroken([...full, ...(current === null ? [] : [current])]);
		for (const handle of [...full, current]) await handle?.close();
	}
	throw new SwarmError("failed", `Cannot read logs: ${directory} changes faster than it can be read`, {
		retryable: true,
	});
}

/** Whether the file that grew when it was opened comes right after that number: it still grows, or is full now. */
async function isNext(
	directory: string,
	stream: LogLine["stream"],
	handle: FileHandle,
	last: number,
): Promise<boolean> {
	const { ino } = await handle.stat();
	if ((await inodeOf(join(directory, `${stream}.${last + 1}`))) === ino) return true;
	if ((await inodeOf(join(directory, stream))) !== ino) return false;
	return ((await numbersOf(directory, stream)).at(-1) ?? last) <= last;
}

/** What follows the last one that was removed before it could be opened. */
async function unbroken(handles: readonly (FileHandle | null)[]): Promise<readonly FileHandle[]> {
	const from = handles.lastIndexOf(null) + 1;
	for (const handle of handles.slice(0, from)) await handle?.close();
	return handles.slice(from) as FileHandle[];
}

async function openAll(names: readonly string[], directory: string): Promise<readonly (FileHandle | null)[]> {
	const handles: (FileHandle | null)[] = [];
	try {
		for (const name of names) handles.push(await open(join(directory, name), "r").catch(absent));
		return handles;
	} catch (thrown) {
		for (const handle of handles) await handle?.close();
		throw thrown;
	}
}

async function numbersOf(directory: string, stream: LogLine["stream"]): Promise<readonly number[]> {
	const names = (await readdir(directory).catch(absent)) ?? [];
	return names
		.map((name) => (name.startsWith(`${stream}.`) ? name.slice(stream.length + 1) : ""))
		.filter((text) => /^[1-9]\d{0,11}$/.test(text))
		.map(Number)
		.sort((a, b) => a - b);
}

async function inodeOf(path: string): Promise<number | null> {
	return (await stat(path).catch(absent))?.ino ?? null;
}

function absent(thrown: unknown): null {
	if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return null;
	throw thrown;
}
