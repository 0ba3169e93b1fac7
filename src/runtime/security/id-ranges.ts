// Ranges of 65,536 user and group ids for containers with a user namespace: each has one that nobody else on this machine has, also
// no container of another daemon. A range is taken by making a symbolic link, `<directory>/<number>` to `<scope>/<name>`, which
// is one step; it lasts as long as the machine runs, so a restarted daemon finds its own. The name is that of the container's cgroups, so
// that one that stood ready keeps its range when it becomes a container. On the disk files keep the ids of the container, so that after a
// reboot, or on another node, any other range will do.

import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { SwarmError } from "../../errors.js";

/** Above what systemd gives to its containers and what /etc/subuid usually holds (uids(7) of systemd), below 2^31. */
const FIRST_ID = 0x70000000;
const IDS_EACH = 0x10000;
export const ID_RANGES_MAX = 4096;

export interface IdRanges {
	/** First id of the range of that name; the same one until it is released. `refused` when none is left. */
	take(name: string): number;
	/** Absent is fine. */
	release(name: string): void;
	/** Releases what this daemon took under names that are not among these. */
	keepOnly(names: readonly string[]): void;
}

export function openIdRanges(directory: string, scope: string, rangesMax = ID_RANGES_MAX): IdRanges {
	const own = new Map<string, number>();
	const releaseNumber = (name: string, number: number) => {
		rmSync(join(directory, String(number)), { force: true });
		own.delete(name);
	};
	const take = (name: string, number: number): boolean => {
		try {
			symlinkSync(`${scope}/${name}`, join(directory, String(number)));
			own.set(name, number);
			return true;
		} catch (thrown) {
			if ((thrown as NodeJS.ErrnoException).code === "EEXIST") return false;
			throw thrown;
		}
	};
	// From the last one on: a range is used again late, and the first try mostly succeeds.
	let next = 0;
	return {
		take(name) {
			const known = own.get(name);
			if (known !== undefined) return firstIdOf(known);
			mkdirSync(directory, { recursive: true, mode: 0o700 });
			for (let tried = 0; tried < rangesMax; tried++) {
				const number = next;
				next = (next + 1) % rangesMax;
				if (take(name, number)) return firstIdOf(number);
			}
			throw new SwarmError(
				"refused",
				`Cannot create ${name}: all ${rangesMax} ranges of user ids are taken, wanted one`,
			);
		},
		release(name) {
			const number = own.get(name);
			if (number !== undefined) releaseNumber(name, number);
		},
		keepOnly(names) {
			for (const { number, owner } of rangesIn(directory)) {
				if (!owner.startsWith(`${scope}/`)) continue;
				const name = owner.slice(scope.length + 1);
				if (names.includes(name)) own.set(name, number);
				else releaseNumber(name, number);
			}
		},
	};
}

function firstIdOf(number: number): number {
	return FIRST_ID + number * IDS_EACH;
}

function rangesIn(directory: string): readonly { readonly number: number; readonly owner: string }[] {
	try {
		return readdirSync(directory).map((name) => ({
			number: Number(name),
			owner: readlinkSync(join(directory, name)),
		}));
	} catch (thrown) {
		// Another daemon releases at the same moment, or nobody took one yet.
		if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return [];
		throw thrown;
	}
}
