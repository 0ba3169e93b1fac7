// What lies below a directory, and what of it is another one later: by inode, size, mode, owner and time of change (ctime), which no program
// can set. find(1) does the looking: a hundred thousand files take it a tenth of a second. Names are bytes, each one a character (Latin-1).

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { SwarmError } from "../errors.js";

export interface TreeEntry {
	/** Differs when anything but the time of access does. */
	readonly stamp: string;
	readonly changedAtMs: number;
	/** As find's %y: `f`, `d`, `l`, … */
	readonly type: string;
	/** What a copy must have too: size, mode, owner and group; of a directory the size is its file system's own affair. */
	readonly copied: string;
}

/** By path below the directory, which is "" itself. */
export type TreeScan = ReadonlyMap<string, TreeEntry>;

export interface TreeChanges {
	/** New and changed ones, with the directories above them, in rising order. */
	readonly changed: readonly string[];
	/** The topmost ones that are gone, or are of another type now. */
	readonly removed: readonly string[];
}

export const SCAN_ENTRIES_MAX = 2_000_000;
const FORMAT = "%i %s %m %U %G %C@ %y %P\\0";

/** `live`: somebody may be writing: what vanishes meanwhile is left out. */
export async function scanTree(directory: string, live: boolean): Promise<TreeScan> {
	const env = { PATH: "/usr/bin:/bin", LC_ALL: "C" };
	const options = { cwd: directory, stdio: ["ignore", "pipe", "ignore"] as ["ignore", "pipe", "ignore"], env };
	const child = spawn("find", [".", "-xdev", "-printf", FORMAT], options);
	const ended = new Promise<number | null>((resolve, reject) => {
		child.on("error", reject);
		child.on("close", resolve);
	});
	ended.catch(() => {});
	const scan = new Map<string, TreeEntry>();
	let rest = "";
	for await (const part of child.stdout) {
		const lines = `${rest}${(part as Buffer).toString("latin1")}`.split("\0");
		rest = lines.pop() ?? "";
		for (const line of lines) add(scan, line);
		if (scan.size > SCAN_ENTRIES_MAX) {
			child.kill("SIGKILL");
			throw new SwarmError("too-large", `Cannot copy ${directory}: more than ${SCAN_ENTRIES_MAX} files`);
		}
	}
	const code = await ended;
	if (code !== 0 && !(live && code === 1))
		throw new SwarmError("failed", `Cannot look through ${directory}: find ended with ${code}`);
	return scan;
}

/**
 * `sinceMs`: what changed then or later is taken as changed again: between its being looked at and being copied, a clock of some
 * milliseconds shows the same time.
 */
export function changesBetween(before: TreeScan, after: TreeScan, sinceMs: number): TreeChanges {
	const changed = new Set<string>();
	const removed: string[] = [];
	for (const [path, entry] of after) {
		const known = before.get(path);
		if (known !== undefined && known.stamp === entry.stamp && known.type === entry.type && entry.changedAtMs < sinceMs)
			continue;
		for (let above: string | null = path; above !== null; above = parentOf(above)) changed.add(above);
	}
	for (const [path, entry] of before) {
		if (isStill(after.get(path), entry)) continue;
		const parent = parentOf(path);
		const parentBefore = parent === null ? undefined : before.get(parent);
		if (parent !== null && parentBefore !== undefined && !isStill(after.get(parent), parentBefore)) continue;
		removed.push(path);
		for (let above = parent; above !== null; above = parentOf(above)) if (after.has(above)) changed.add(above);
	}
	return { changed: [...changed].sort(), removed };
}

/** Names, types and what a copy must have of everything but sockets, which belong to a process: the same for a tree and its copy. */
export function summaryOf(scan: TreeScan): string {
	const hash = createHash("sha256");
	for (const path of [...scan.keys()].sort()) {
		const entry = scan.get(path);
		if (entry !== undefined && entry.type !== "s") hash.update(`${entry.type} ${entry.copied} ${path}\0`, "latin1");
	}
	return hash.digest("hex");
}

function isStill(now: TreeEntry | undefined, before: TreeEntry): boolean {
	return now !== undefined && now.type === before.type;
}

function parentOf(path: string): string | null {
	if (path === "") return null;
	return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function add(scan: Map<string, TreeEntry>, line: string): void {
	const match = /^(\d+) (\d+) (\d+ \d+ \d+) (\d+)\.(\d+) (\S) (.*)$/s.exec(line);
	if (match === null) return;
	const [, inode, size, owned = "", seconds, fraction = "", type = "", path = ""] = match;
	const changedAtMs = Number(seconds) * 1_000 + Number(fraction.slice(0, 3));
	const copied = type === "d" ? owned : `${size} ${owned}`;
	scan.set(path, { stamp: `${inode} ${size} ${owned} ${seconds}.${fraction}`, changedAtMs, type, copied });
}
