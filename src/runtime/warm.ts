// Containers made ahead for specs that ask for it: created, not started, without address or published ports, under no name of a
// container yet. Who makes a container of the same spec and image takes one. Made one after the other in the background, never
// more than the bound. None outlives its daemon: the next one ends what a killed one left, by its cgroup's name.

import { basename, dirname } from "node:path";
import type { Clock } from "../clock.js";
import type { Logger } from "../log.js";
import { type ContainerId, containerIdOf, type Spec, volumeNamesOf } from "../model.js";
import { type AssemblyParts, endMade, makeSurroundings, standingKindOf, startMonitor } from "./assembly.js";
import { Container, type ContainerSurroundings } from "./container.js";
import { containerDirectoryOf } from "./container-directory.js";
import type { PreparedImage, WarmRow, WarmWish } from "./runtime.js";
import { canStand } from "./security/launch-security.js";
import { specKey } from "./spec-key.js";

export interface WarmContainers {
	/** One that is ready for such a container; null without. It is the caller's from then on. */
	take(wanted: Wanted): Container | null;
	/** Replaces what `group` wanted before; what nobody wants any more is ended. */
	keep(group: string, wishes: readonly WarmWish[]): void;
	rows(): readonly WarmRow[];
	/** Resolves when as many are ready as wanted, or could be made. */
	filled(): Promise<void>;
	/** Ends those that are ready; they are made again when one of their kind is asked for. */
	clear(): Promise<void>;
	/** Ends all and makes no more. */
	close(): Promise<void>;
}

export interface Wanted {
	readonly spec: Spec;
	readonly image: PreparedImage;
	/** Nothing of it outlasts the call that runs it. */
	readonly passing: boolean;
}

/** Of all specs together, unless told: each takes about 1 MB. */
export const WARM_MAX_DEFAULT = 64;
/** Of containers made ahead, until they have one of their own; more than there can be at a time. */
const NAMES = 10_000;
/** Made when nothing was taken for this long, or less than a quarter is left: the work of making is not in the way of a burst. */
const QUIET_MS = 20;
const RETRY_MS = 5_000;

interface Shelf {
	readonly wish: WarmWish;
	readonly ready: Container[];
	/** What may be made; `wish.count` cut to the bound; 0 after `clear`. */
	count: number;
	made: number;
	madeMs: number;
}

export interface WarmOptions {
	readonly parts: AssemblyParts;
	readonly around: ContainerSurroundings;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly max: number;
}

export function openWarm({ parts, around, clock, logger, max }: WarmOptions): WarmContainers {
	const groups = new Map<string, readonly WarmWish[]>();
	const shelves = new Map<string, Shelf>();
	const quiet: ContainerSurroundings = { ...around, announce: () => {} };
	const closing = new AbortController();
	let number = 0;
	let cleared = false;
	let filling: Promise<void> | null = null;
	let cancelFill = () => {};

	const make = async (shelf: Shelf) => {
		const beganMs = clock.monotonicMs();
		const { spec } = shelf.wish;
		const kind = await standingKindOf(containerIdOf(spec.name, 0), spec, parts);
		const standing = await parts.spares.stand(kind);
		const directory = containerDirectoryOf(dirname(standing.directory), basename(standing.directory) as ContainerId);
		const container = new Container(placeholder(shelf.wish, ++number), directory, "created", quiet, {
			passing: shelf.wish.passing,
			ahead: true,
		});
		container.takeStanding(standing);
		try {
			await makeSurroundings(container, parts, closing.signal);
			await startMonitor(container, parts, closing.signal);
		} catch (thrown) {
			await end(container);
			throw thrown;
		}
		shelf.made += 1;
		shelf.madeMs += clock.monotonicMs() - beganMs;
		if (isWanted(shelf)) shelf.ready.push(container);
		else await end(container);
	};
	const isWanted = (shelf: Shelf) =>
		!closing.signal.aborted && shelves.get(keyOf(shelf.wish)) === shelf && shelf.ready.length < shelf.count;
	const end = (container: Container) => endMade(container, parts);
	const endAll = (containers: readonly Container[]) =>
		Promise.all(containers.map(end)).catch((error: unknown) =>
			logger.warn("a container that was made ahead cannot be ended", { error: String(error) }),
		);
	const nextToFill = () => [...shelves.values()].find(isWanted);
	const fillAll = async () => {
		for (let shelf = nextToFill(); shelf !== undefined; shelf = nextToFill()) await make(shelf);
	};
	const fill = () => {
		cancelFill();
		if (closing.signal.aborted || nextToFill() === undefined) return;
		filling ??= fillAll()
			.catch((error: unknown) => {
				if (closing.signal.aborted) return;
				logger.warn("a container cannot be made ahead", { error: String(error) });
				cancelFill = clock.after(RETRY_MS, fill);
			})
			.finally(() => {
				filling = null;
			});
	};
	const arrange = () => {
		cleared = false;
		let left = max;
		const wishes = new Map([...groups.values()].flat().map((wish) => [keyOf(wish), wish]));
		for (const [key, shelf] of shelves)
			if (!wishes.has(key)) {
				shelves.delete(key);
				void endAll(shelf.ready.splice(0));
			}
		for (const [key, wish] of wishes) {
			const shelf = shelves.get(key) ?? { wish, ready: [], count: 0, made: 0, madeMs: 0 };
			// Those with the node's own network, devices of their own or named volumes are made when they are wanted.
			shelf.count = canStand(wish.spec) && volumeNamesOf(wish.spec).length === 0 ? Math.min(wish.count, left) : 0;
			left -= shelf.count;
			shelves.set(key, shelf);
			void endAll(shelf.ready.splice(shelf.count));
		}
		fill();
	};
	return {
		take(wanted) {
			if (wanted.spec.pool === 0) return null;
			const shelf = shelves.get(keyOf(wanted));
			if (shelf === undefined) return null;
			if (cleared) arrange();
			let container = shelf.ready.shift();
			while (container !== undefined && !isReady(container)) {
				void endAll([container]);
				container = shelf.ready.shift();
			}
			if (shelf.ready.length < shelf.count / 4) fill();
			else {
				cancelFill();
				cancelFill = clock.after(QUIET_MS, fill);
			}
			return container ?? null;
		},
		keep(group, wishes) {
			if (wishes.length === 0) groups.delete(group);
			else groups.set(group, wishes);
			arrange();
		},
		rows: () =>
			[...shelves.values()].map(({ wish, ready, count, made, madeMs }) => ({
				workload: wish.spec.name,
				passing: wish.passing,
				ready: ready.length,
				wanted: count,
				...{ made, madeMs },
			})),
		async filled() {
			fill();
			await filling;
		},
		async clear() {
			cleared = true;
			for (const shelf of shelves.values()) shelf.count = 0;
			await filling;
			await endAll([...shelves.values()].flatMap((shelf) => shelf.ready.splice(0)));
		},
		async close() {
			closing.abort(new Error("the daemon is closing"));
			cancelFill();
			await filling;
			await endAll([...shelves.values()].flatMap((shelf) => shelf.ready.splice(0)));
		},
	};
}

function isReady(container: Container): boolean {
	return container.state.phase === "created" && container.monitor?.isOpen === true;
}

function keyOf({ spec, image, passing }: Wanted): string {
	return `${image.digest} ${passing} ${specKey(spec)}`;
}

/** No address and no port: those come with the name. Its own is short, so that the real one can be written over it. */
function placeholder({ spec, image }: WarmWish, number: number) {
	const container = containerIdOf("w", number % NAMES);
	const bare: Spec = { ...spec, network: "none", ports: [] };
	return { container, epoch: 1, revision: 1, spec: bare, image, address: null };
}
