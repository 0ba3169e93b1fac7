// Bounded reads under a root: "/" for this machine, a directory for a recorded one. What is absent, unreadable or too
// odd to parse is null or empty; nothing here throws and nothing is guessed.

import { closeSync, openSync, readSync } from "node:fs";
import { open, readdir, readlink } from "node:fs/promises";
import { basename, join } from "node:path";

/** Enough for the first processors of /proc/cpuinfo and all of any other file read here. */
export const READ_BYTES_MAX = 64 * 1024;

/** At most READ_BYTES_MAX from the start of a file; null when it cannot be read. */
export async function readText(root: string, path: string): Promise<string | null> {
	try {
		const file = await open(join(root, path), "r");
		try {
			const buffer = Buffer.allocUnsafe(READ_BYTES_MAX);
			let length = 0;
			while (length < READ_BYTES_MAX) {
				const { bytesRead } = await file.read(buffer, length, READ_BYTES_MAX - length, null);
				if (bytesRead === 0) break;
				length += bytesRead;
			}
			return buffer.toString("utf8", 0, length);
		} finally {
			await file.close();
		}
	} catch {
		return null;
	}
}

const shared = Buffer.allocUnsafe(READ_BYTES_MAX);

/**
 * The same at once, for files of /proc that the kernel writes when they are read: 20 µs, where the thread pool costs a wake-up of
 * several threads for each of four steps. Not for sensors, which may take milliseconds.
 */
export function readTextNow(root: string, path: string): string | null {
	try {
		const file = openSync(join(root, path), "r");
		try {
			let length = 0;
			for (let count = -1; count !== 0 && length < READ_BYTES_MAX; length += count)
				count = readSync(file, shared, length, READ_BYTES_MAX - length, null);
			return shared.toString("utf8", 0, length);
		} finally {
			closeSync(file);
		}
	} catch {
		return null;
	}
}

export async function readLine(root: string, path: string): Promise<string | null> {
	const line = (await readText(root, path))?.split("\n", 1)[0]?.trim() ?? "";
	return line === "" ? null : line;
}

/** A whole number such as `42` or `-1`; null for anything else. */
export async function readInteger(root: string, path: string): Promise<number | null> {
	const line = await readLine(root, path);
	return line !== null && /^-?\d{1,15}$/.test(line) ? Number(line) : null;
}

/** Names in a directory, in the order of their numbers (`cpu2` before `cpu10`); empty without it. */
export async function listNames(root: string, path: string, pattern: RegExp, most: number): Promise<readonly string[]> {
	try {
		const names = (await readdir(join(root, path))).filter((name) => pattern.test(name));
		return names.sort((left, right) => left.localeCompare(right, "en", { numeric: true })).slice(0, most);
	} catch {
		return [];
	}
}

/** Last part of what a symbolic link points to; null without it. */
export async function linkName(root: string, path: string): Promise<string | null> {
	try {
		return basename(await readlink(join(root, path)));
	} catch {
		return null;
	}
}

/** Kernel lists such as `0-3,8,10-11` (cpuset(7), "List format"); null for anything else. */
export function parseCpuList(text: string, most: number): readonly number[] | null {
	const cpus: number[] = [];
	if (text.trim() === "") return cpus;
	for (const part of text.trim().split(",")) {
		const match = /^(\d+)(?:-(\d+))?$/.exec(part);
		if (!match) return null;
		const first = Number(match[1]);
		const last = Number(match[2] ?? match[1]);
		if (last < first || cpus.length + last - first + 1 > most) return null;
		for (let cpu = first; cpu <= last; cpu++) cpus.push(cpu);
	}
	return cpus;
}

/** Bytes of a `Name:  123 kB` line of /proc/meminfo or a node's meminfo. */
export function memoryField(meminfo: string, name: string): number | null {
	const match = new RegExp(`(?:^|\\s)${name}:\\s+(\\d+) kB`, "m").exec(meminfo);
	return match ? Number(match[1]) * 1024 : null;
}
