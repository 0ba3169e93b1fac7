// What the next containers need, made beforehand in the background: directories (some thirty changes to a file system), and, while
// containers are being made, whole containers that stand ready (standing.ts): together most of the time of a start. A node on
// which nothing was started for a while keeps no process ready. What a killed daemon left goes to the trash.

import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../clock.js";
import { SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { ContainerId } from "../model.js";
import type { Native } from "../native/native.js";
import { SPARE_PREFIX } from "./cgroup/cgroups.js";
import { dismiss, type Standing, type StandingParts, standReady } from "./standing.js";
import type { Trash } from "./trash.js";

export interface SparesCount {
	/** Containers that stand ready. */
	readonly ready: number;
	/** The most that are kept ready; 0: none. */
	readonly max: number;
	readonly directories: number;
	/** Made since opening, and the time that took in the background. */
	readonly made: number;
	readonly madeMs: number;
}

/** `mapped`: in a user namespace. */
export type StandingKind = "plain" | "mapped";

export interface Spares {
	/**
	 * The directory of a new container, with all that native/README.md lists. `conflict` when there is one already. With `kind`, where one of
	 * that kind stands ready, it comes with its processes, whose directory it is.
	 */
	place(container: ContainerId, path: string, kind: StandingKind | null): Promise<Standing | null>;
	/** One that stands ready, made for the caller. */
	stand(kind: StandingKind): Promise<Standing>;
	count(): SparesCount;
	/** Resolves when as many are ready as wanted. */
	filled(): Promise<void>;
	/** Ends what stands ready; more is made only for the next container. */
	clear(): Promise<void>;
	/** Makes no more and ends what stands ready. */
	close(): Promise<void>;
}

/** Starts that follow each other closely find one ready; more would only wait for the same disk. */
export const SPARES_KEPT = 4;
/** Containers that stand ready, unless told. */
export const STANDING_MAX_DEFAULT = 16;
/** About 0.6 MB of kernel and process memory each: not for a node on which nothing is started. */
const STANDING_IDLE_MS_MAX = 60_000;
/** More are made when no container was made for this long, or less than a quarter is left: the work of making is not in their way. */
const QUIET_MS = 20;

const kinds: readonly StandingKind[] = ["plain", "mapped"];

interface Shelf {
	readonly ready: Standing[];
	/** One of its kind was made within STANDING_IDLE_MS_MAX. */
	wanted: boolean;
	cancelIdle: () => void;
}

export interface SparesOptions {
	/** Holds `containers/` and `spares/`, both on one file system. */
	readonly stateDirectory: string;
	readonly native: Pick<Native, "directorySpread" | "containerDirectoryMake">;
	readonly standing: StandingParts;
	readonly standingMax: number;
	readonly trash: Trash;
	readonly clock: Clock;
	readonly logger: Logger;
}

export function openSpares(options: SparesOptions): Spares {
	const { stateDirectory, native, standing: parts, standingMax, trash, clock, logger } = options;
	const sparesPath = join(stateDirectory, "spares");
	for (const path of [join(stateDirectory, "containers"), sparesPath]) {
		mkdirSync(path, { recursive: true, mode: 0o700 });
		native.directorySpread(path);
	}
	for (const name of readdirSync(sparesPath)) trash.take(join(sparesPath, name), "spare");
	const startedMs = clock.nowMs();
	const directories: string[] = [];
	const shelves: Readonly<Record<StandingKind, Shelf>> = {
		plain: { ready: [], wanted: false, cancelIdle: () => {} },
		mapped: { ready: [], wanted: false, cancelIdle: () => {} },
	};
	let count = 0;
	let made = 0;
	let madeMs = 0;
	let closed = false;
	let filling: Promise<void> | null = null;
	let cancelFill = () => {};

	/** Kinds that are asked for share the bound. */
	const countOf = ({ wanted }: Shelf) =>
		wanted ? Math.ceil(standingMax / kinds.filter((kind) => shelves[kind].wanted).length) : 0;
	const kindToFill = () => kinds.find((kind) => shelves[kind].ready.length < countOf(shelves[kind])) ?? null;
	const isLow = (shelf: Shelf) => shelf.ready.length < countOf(shelf) / 4;

	const makeDirectory = async () => {
		const path = join(sparesPath, `${startedMs}-${++count}`);
		await native.containerDirectoryMake(path);
		return path;
	};
	const stand = async (kind: StandingKind) => {
		const path = directories.shift() ?? (await makeDirectory());
		try {
			return await standReady(path, `${SPARE_PREFIX}${startedMs.toString(36)}-${++count}`, kind === "mapped", parts);
		} catch (thrown) {
			trash.take(path, "spare");
			throw thrown;
		}
	};
	const makeStanding = async (kind: StandingKind) => {
		const beganMs = clock.monotonicMs();
		const standing = await stand(kind);
		const shelf = shelves[kind];
		if (closed || shelf.ready.length >= countOf(shelf)) await discard(standing);
		else shelf.ready.push(standing);
		made += 1;
		madeMs += clock.monotonicMs() - beganMs;
	};
	const discard = async (standing: Standing) => {
		await dismiss(standing, parts);
		trash.take(standing.directory, "spare");
	};
	/** One whose processes somebody has ended is of no use. */
	const takeLiving = async ({ ready }: Shelf) => {
		for (let standing = ready.shift(); standing !== undefined; standing = ready.shift()) {
			if (standing.monitor.isOpen) return standing;
			await discard(standing);
		}
		return null;
	};
	const makeAll = async () => {
		for (let kind = kindToFill(); !closed && (kind !== null || directories.length < SPARES_KEPT); kind = kindToFill()) {
			if (kind !== null) await makeStanding(kind);
			else directories.push(await makeDirectory());
		}
	};
	const fill = () => {
		cancelFill();
		if (closed) return;
		filling ??= makeAll()
			.catch((error: unknown) => logger.warn("nothing is ready for the next container", { error: String(error) }))
			.finally(() => {
				filling = null;
			});
	};
	const clearShelf = async (shelf: Shelf) => {
		shelf.wanted = false;
		shelf.cancelIdle();
		await filling;
		await Promise.all(shelf.ready.splice(0).map(discard));
	};
	const clear = async () => {
		cancelFill();
		await Promise.all(kinds.map((kind) => clearShelf(shelves[kind])));
	};
	const fillSoon = () => {
		cancelFill();
		if (kinds.some((kind) => isLow(shelves[kind])) || directories.length === 0) fill();
		else cancelFill = clock.after(QUIET_MS, fill);
	};
	/** Containers of that kind are being made here: from now on some stand ready. */
	const expectMore = (shelf: Shelf) => {
		if (closed) return;
		shelf.wanted = true;
		shelf.cancelIdle();
		shelf.cancelIdle = clock.after(STANDING_IDLE_MS_MAX, () => {
			clearShelf(shelf).catch((error: unknown) =>
				logger.warn("what stood ready cannot be ended", { error: String(error) }),
			);
		});
	};
	fill();
	return {
		async place(container, path, kind) {
			const standing = kind === null ? null : await takeLiving(shelves[kind]);
			const spare = standing?.directory ?? directories.shift();
			try {
				if (spare === undefined) await native.containerDirectoryMake(path);
				else renameSync(spare, path);
			} catch (thrown) {
				if (standing !== null) await discard(standing);
				else if (spare !== undefined) trash.take(spare, "spare");
				throw isTaken(thrown) ? conflict(container, path) : thrown;
			} finally {
				if (kind !== null) expectMore(shelves[kind]);
				fillSoon();
			}
			return standing;
		},
		stand,
		count() {
			const ready = kinds.reduce((sum, kind) => sum + shelves[kind].ready.length, 0);
			return { ready, max: standingMax, directories: directories.length, made, madeMs };
		},
		async filled() {
			if (kindToFill() !== null || directories.length < SPARES_KEPT) fill();
			await filling;
		},
		clear,
		async close() {
			closed = true;
			cancelFill();
			await filling;
			await clear();
		},
	};
}

function isTaken(thrown: unknown): boolean {
	const code = (thrown as { code?: unknown }).code;
	return code === "ENOTEMPTY" || code === "EEXIST" || code === "conflict";
}

function conflict(container: ContainerId, path: string): SwarmError {
	return new SwarmError("conflict", `Cannot create ${container}: ${path} exists, wanted none`);
}
