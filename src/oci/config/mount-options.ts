// config.md#linux-mount-options: words of a mount as attributes of mount_setattr(2), propagation, and options that the file system itself
// reads. Pure.

/** linux/mount.h */
const RDONLY = 0x1;
const NOSUID = 0x2;
const NODEV = 0x4;
const NOEXEC = 0x8;
const NOATIME = 0x10;
const STRICTATIME = 0x20;
const NODIRATIME = 0x80;
const NOSYMFOLLOW = 0x200000;
/** The kernel wants every change of the access time rule to name the whole field. */
const ATIME_MASK = 0x70;

/** sys/mount.h */
export const MS_UNBINDABLE = 1 << 17;
export const MS_PRIVATE = 1 << 18;
export const MS_SLAVE = 1 << 19;
export const MS_SHARED = 1 << 20;

export interface MountOptions {
	/** null: not a bind mount. */
	readonly bind: "single" | "recursive" | null;
	readonly remount: boolean;
	readonly set: number;
	readonly clear: number;
	/** For the whole tree: the options that begin with r. */
	readonly setBelow: number;
	readonly clearBelow: number;
	readonly propagation: number;
	readonly propagationBelow: number;
	/** tmpfs: what the image has at the target is copied into it. */
	readonly copyUp: boolean;
	/** Files are shown as other users', of one mount or of what is below too. */
	readonly idmap: "single" | "recursive" | null;
	/** `key=value` or a word, for the file system. */
	readonly data: readonly string[];
}

/** [set, clear]; also with r in front, for the whole tree. */
const attributes: Readonly<Record<string, readonly [number, number]>> = {
	ro: [RDONLY, 0],
	rw: [0, RDONLY],
	nosuid: [NOSUID, 0],
	suid: [0, NOSUID],
	nodev: [NODEV, 0],
	dev: [0, NODEV],
	noexec: [NOEXEC, 0],
	exec: [0, NOEXEC],
	nodiratime: [NODIRATIME, 0],
	diratime: [0, NODIRATIME],
	nosymfollow: [NOSYMFOLLOW, 0],
	symfollow: [0, NOSYMFOLLOW],
	noatime: [NOATIME, ATIME_MASK],
	strictatime: [STRICTATIME, ATIME_MASK],
	relatime: [0, ATIME_MASK],
	atime: [0, ATIME_MASK],
	norelatime: [0, ATIME_MASK],
	nostrictatime: [0, ATIME_MASK],
};

const propagations: Readonly<Record<string, number>> = {
	private: MS_PRIVATE,
	slave: MS_SLAVE,
	shared: MS_SHARED,
	unbindable: MS_UNBINDABLE,
};

/** What every mount is without asking. */
const noChange = new Set(["defaults", "async", "nomand", "nolazytime", "noiversion", "loud", "nofail"]);

export const mountOptionNames: readonly string[] = [
	...["bind", "rbind", "idmap", "ridmap", "remount", "tmpcopyup"],
	...["sync", "dirsync", "mand", "lazytime", "iversion", "silent"],
	...noChange,
	...Object.keys(attributes).flatMap((name) => [name, `r${name}`]),
	...Object.keys(propagations).flatMap((name) => [name, `r${name}`]),
].sort();

export const propagationNames: readonly string[] = Object.keys(propagations);

/** `rshared` or `shared` as a flag; null for a word that is none. */
export function propagationOf(word: string): number | null {
	return named(propagations, word) ?? named(propagations, withoutR(word)) ?? null;
}

export function decodeMountOptions(words: readonly string[]): MountOptions {
	const options = { set: 0, clear: 0, setBelow: 0, clearBelow: 0, propagation: 0, propagationBelow: 0 };
	const found = {
		bind: null as MountOptions["bind"],
		remount: false,
		copyUp: false,
		idmap: null as MountOptions["idmap"],
	};
	const data: string[] = [];
	for (const word of words) {
		if (word === "bind") found.bind ??= "single";
		else if (word === "rbind") found.bind = "recursive";
		else if (word === "remount") found.remount = true;
		else if (word === "tmpcopyup") found.copyUp = true;
		else if (word === "idmap") found.idmap ??= "single";
		else if (word === "ridmap") found.idmap = "recursive";
		else if (noChange.has(word)) continue;
		else if (!isAttribute(word) && !isPropagation(word)) data.push(word);
	}
	return { ...options, ...found, data };

	function isAttribute(word: string): boolean {
		const [own, below] = [named(attributes, word), named(attributes, withoutR(word))];
		if (own !== null) apply(own);
		else if (below !== null) applyBelow(below);
		return own !== null || below !== null;
	}
	function isPropagation(word: string): boolean {
		const [own, any] = [named(propagations, word), propagationOf(word)];
		if (own !== null) options.propagation = own;
		else if (any !== null) options.propagationBelow = any;
		return any !== null;
	}
	// The later word wins.
	function apply([set, clear]: readonly [number, number]) {
		options.set = ((options.set & ~clear) | set) >>> 0;
		options.clear = ((options.clear & ~(set & ~ATIME_MASK)) | clear) >>> 0;
	}
	function applyBelow([set, clear]: readonly [number, number]) {
		options.setBelow = ((options.setBelow & ~clear) | set) >>> 0;
		options.clearBelow = ((options.clearBelow & ~(set & ~ATIME_MASK)) | clear) >>> 0;
	}
}

/** null for what is not in the table, also for what every object has. */
function named<T>(table: Readonly<Record<string, T>>, word: string): T | null {
	return Object.hasOwn(table, word) ? (table[word] as T) : null;
}

function withoutR(word: string): string {
	return word.startsWith("r") ? word.slice(1) : "";
}
