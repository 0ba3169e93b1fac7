// Ranges of 65,536 user and group ids for containers with a user namespace: each has one that nobody else on this machine has, also
// no container of another daemon. A range is taken by making a symbolic link, `<directory>/<number>` to `<scope>/<container>`, which
// is one step; it lasts as long as the machine runs, so a restarted daemon finds its own. On the disk files keep the ids of the
// container, so that after a reboot any other range will do.

import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { SwarmError } from "../../errors.js";
import type { ContainerId } from "../../model.js";

/** Above what systemd gives to its containers and what /etc/subuid usually holds (uids(7) of systemd), below 2^31. */
const FIRST_ID = 0x70000000;
const IDS_EACH = 0x10000;
export const ID_RANGES_MAX = 4096;

export interface IdRanges {
	/** First id of the container's range; the same one until it is released. `refused` when none is left. */
	take(container: ContainerId): number;
	/** Absent is fine. */
	release(container: ContainerId): void;
	/** Releases what this daemon took for containers that are not among these. */
	keepOnly(containers: readonly ContainerId[]): void;
}

export function openIdRanges(directory: string, scope: string, rangesMax = ID_RANGES_MAX): IdRanges {
	const own = new Map<string, number>();
	const releaseNumber = (name: string, number: number) => {
		rmSync(join(directory, String(number)), { force: true });
		own.delete(name);
	};
	const take = (container: ContainerId, number: number): boolean => {
		try {
			symlinkSync(`${scope}/${container}`, join(directory, String(number)));
			own.set(container, number);
			return true;
		} catch (thrown) {
			if ((thrown as NodeJS.ErrnoException).code === "EEXIST") return false;
			throw thrown;
		}
	};
	return {
		take(container) {
			const known = own.get(container);
			if (known !== undefined) return firstIdOf(known);
			mkdirSync(directory, { recursive: true, mode: 0o700 });
			const taken = new Set(readdirSync(directory));
			for (let number = 0; number < rangesMax; number++)
				if (!taken.has(String(number)) && take(container, number)) return firstIdOf(number);
			throw new SwarmError(
				"refused",
				`Cannot create ${container}: all ${rangesMax} ranges of user ids are taken, wanted one`,
			);
		},
		release(container) {
			const number = own.get(container);
			if (number !== undefined) releaseNumber(container, number);
		},
		keepOnly(containers) {
			for (const { number, owner } of rangesIn(directory)) {
				if (!owner.startsWith(`${scope}/`)) continue;
				const name = owner.slice(scope.length + 1);
				if (containers.includes(name as ContainerId)) own.set(name, number);
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
