// The named volumes of this machine on its disk: `<state>/volumes/<name>/` holds `data`, which containers see, and volume.json. What is
// thrown away goes to `.removed` at once. Must never delete data of a volume that somebody has, and never look at a volume's content.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../clock.js";
import { SwarmError } from "../../errors.js";
import type { Logger } from "../../log.js";
import { type ContainerId, type Spec, volumeNamesOf } from "../../model.js";
import { bytesUnder } from "../bytes-under.js";
import type { CreateRequest } from "../runtime.js";
import { openTrash, type Trash } from "../trash.js";
import { createTurns } from "../turns.js";
import { syncFileSystem } from "./sync-file-system.js";
import { DATA, FILLING, readVolume, type VolumeFile, writeVolume } from "./volume-file.js";
import type { VolumeMoves, VolumeState, Volumes, VolumeWord } from "./volumes.js";

/** Volumes of one node; each is a record of the cluster's state. */
export const VOLUMES_MAX = 4_096;

/** For the runtime itself, besides the port. */
export interface VolumeStore extends Volumes {
	/** Shows the volumes of a spec to a container that `make` makes; new ones that it made nothing of are gone again. */
	using<T>(spec: Pick<Spec, "volumes">, make: () => Promise<T>): Promise<T>;
	directoryOf(name: string): string;
	/** Resolves when everything that was removed is deleted. */
	emptied(): Promise<void>;
}

/** Where what is coming lies until it is whole: `<volumes>/.incoming/<move>/<name>/data`. */
const INCOMING = ".incoming";

export interface VolumeStoreOptions {
	/** `<state>/volumes`; may be a file system of its own. */
	readonly directory: string;
	/** Every one on this machine, whatever its phase. */
	readonly containers: () => readonly Pick<CreateRequest, "container" | "spec">[];
	/** Deletes a directory with all that is in it. */
	readonly remove: (path: string) => Promise<void>;
	readonly clock: Clock;
	readonly logger: Logger;
}

/** What a killed daemon had begun to make is gone afterwards. */
export function openVolumeStore(options: VolumeStoreOptions): VolumeStore {
	const { directory, remove, clock, logger } = options;
	mkdirSync(directory, { recursive: true, mode: 0o700 });
	return new DiskVolumes(options, openTrash(join(directory, ".removed"), { remove, clock, logger }));
}

class DiskVolumes implements VolumeStore {
	readonly #options: VolumeStoreOptions;
	readonly #trash: Trash;
	readonly #volumes = new Map<string, VolumeFile>();
	readonly #listeners = new Set<() => void>();
	/** Of volumes that are used for the first time, one container after the other. */
	readonly #turns = createTurns<string>();
	readonly moves: VolumeMoves;
	/** By volume, the move that holds it. */
	readonly #held = new Map<string, string>();

	constructor(options: VolumeStoreOptions, trash: Trash) {
		this.#options = options;
		this.#trash = trash;
		this.moves = this.#movesPart();
		for (const name of readdirSync(options.directory)) if (!name.startsWith(".")) this.#find(name);
	}

	list(): readonly VolumeState[] {
		const whole = [...this.#volumes.values()].filter(({ arriving }) => arriving === undefined);
		return whole.map(stateOf).sort((a, b) => (a.name < b.name ? -1 : 1));
	}

	get(name: string): VolumeState | null {
		const volume = this.#volumes.get(name);
		return volume === undefined || volume.arriving !== undefined ? null : stateOf(volume);
	}

	usersOf(name: string): readonly ContainerId[] {
		const all = this.#options.containers();
		return all.filter(({ spec }) => volumeNamesOf(spec).includes(name)).map(({ container }) => container);
	}

	create(name: string, labels: Readonly<Record<string, string>>): VolumeState {
		if (this.#volumes.has(name))
			throw new SwarmError("conflict", `Cannot create the volume ${name}: this node has it already`);
		if (this.#volumes.size >= VOLUMES_MAX)
			throw new SwarmError(
				"refused",
				`Cannot create the volume ${name}: this node has ${VOLUMES_MAX}, the most it may`,
			);
		const volume: VolumeFile = { version: 1, name, labels, createdAtMs: this.#options.clock.nowMs() };
		try {
			mkdirSync(this.directoryOf(name), { mode: 0o700 });
			writeVolume(this.directoryOf(name), volume);
		} catch (thrown) {
			this.#trash.take(this.directoryOf(name), name);
			throw thrown;
		}
		this.#volumes.set(name, volume);
		this.#changed();
		return stateOf(volume);
	}

	remove(name: string): void {
		if (!this.#volumes.has(name))
			throw new SwarmError("not-found", `Cannot remove the volume ${name}: this node does not have it`);
		this.#refuseMoving("remove the volume", name);
		const users = this.usersOf(name);
		if (users.length > 0)
			throw new SwarmError("conflict", `Cannot remove the volume ${name}: ${users.join(", ")} on this node has it`);
		this.#discard(name);
	}

	measure(name: string): Promise<number> {
		return bytesUnder(this.pathOf(name));
	}

	pathOf(name: string): string {
		return join(this.directoryOf(name), DATA);
	}

	subscribe(listener: () => void): () => void {
		const own = () => listener();
		this.#listeners.add(own);
		return () => void this.#listeners.delete(own);
	}

	directoryOf(name: string): string {
		return join(this.#options.directory, name);
	}

	async using<T>(spec: Pick<Spec, "volumes">, make: () => Promise<T>): Promise<T> {
		const names = volumeNamesOf(spec);
		for (const name of names) this.#refuseMoving("use the volume", name);
		return names.reduceRight<() => Promise<T>>((rest, name) => () => this.#usingOne(name, rest), make)();
	}

	emptied(): Promise<void> {
		return this.#trash.emptied();
	}

	/** One that holds data is shown to many at once; the first use is alone, because it makes them. */
	#usingOne<T>(name: string, make: () => Promise<T>): Promise<T> {
		if (this.#hasData(name)) return make();
		return this.#turns.take(name, async () => {
			const isNew = !this.#volumes.has(name);
			if (isNew) this.create(name, {});
			try {
				return await make();
			} finally {
				rmSync(join(this.directoryOf(name), FILLING), { recursive: true, force: true });
				if (isNew && !this.#hasData(name)) this.#discard(name);
			}
		});
	}

	#hasData(name: string): boolean {
		return this.#volumes.has(name) && existsSync(this.pathOf(name));
	}

	#refuseMoving(action: string, name: string): void {
		if (!this.#held.has(name) && this.#volumes.get(name)?.arriving === undefined) return;
		throw new SwarmError("refused", `Cannot ${action} ${name}: it is being moved`, { retryable: true });
	}

	#movesPart(): VolumeMoves {
		const { directory } = this.#options;
		const marked = (mark: "arriving" | "leaving", move: string) =>
			[...this.#volumes.values()].filter((volume) => volume[mark] === move);
		const incomingOf = (move: string) => join(directory, INCOMING, move);
		return {
			hold: (move, names) => {
				for (const name of names) this.#held.set(name, move);
			},
			letGo: (move) => {
				for (const [name, holder] of this.#held) if (holder === move) this.#held.delete(name);
			},
			leave: (move, names) => {
				for (const name of names) this.#rewrite(name, (volume) => ({ ...volume, leaving: move }));
			},
			left: (move) => {
				for (const { name } of marked("leaving", move)) this.#discard(name);
			},
			incoming(move, name) {
				const path = join(incomingOf(move), name, DATA);
				rmSync(path, { recursive: true, force: true });
				mkdirSync(path, { recursive: true, mode: 0o700 });
				return path;
			},
			arrive: async (move, volumes) => {
				for (const volume of volumes) this.#arrive(move, volume, join(incomingOf(move), volume.name));
				if (volumes.length > 0) await syncFileSystem(directory);
			},
			settle: (move) => {
				for (const { name } of marked("arriving", move)) this.#rewrite(name, settled);
				this.#trash.take(incomingOf(move), "incoming");
			},
			discard: (move) => {
				for (const { name } of marked("arriving", move)) this.#discard(name);
				this.#trash.take(incomingOf(move), "incoming");
			},
			list: () => {
				const found = new Map<string, string[]>();
				const note = (move: string) => found.get(move) ?? found.set(move, []).get(move);
				for (const { name, arriving, leaving } of this.#volumes.values())
					for (const move of [arriving, leaving]) if (move !== undefined) note(move)?.push(name);
				if (existsSync(join(directory, INCOMING)))
					for (const move of readdirSync(join(directory, INCOMING))) note(move);
				return found;
			},
		};
	}

	/** The mark is on the disk before it has the name that containers know. */
	#arrive(move: string, { name, labels, createdAtMs }: VolumeWord, from: string): void {
		const known = this.#volumes.get(name);
		if (known?.arriving === move) return;
		if (known !== undefined)
			throw new SwarmError("conflict", `Cannot take the volume ${name}: this node has one of that name`);
		const volume: VolumeFile = { version: 1, name, labels, createdAtMs, arriving: move };
		writeVolume(from, volume);
		renameSync(from, this.directoryOf(name));
		this.#volumes.set(name, volume);
	}

	#rewrite(name: string, change: (volume: VolumeFile) => VolumeFile): void {
		const volume = this.#volumes.get(name);
		if (volume === undefined) return;
		const changed = change(volume);
		writeVolume(this.directoryOf(name), changed);
		this.#volumes.set(name, changed);
		this.#changed();
	}

	#find(name: string): void {
		const { clock } = this.#options;
		rmSync(join(this.directoryOf(name), FILLING), { recursive: true, force: true });
		const volume = readVolume(this.directoryOf(name), name, clock.nowMs());
		if (volume === null) this.#trash.take(this.directoryOf(name), name);
		else this.#volumes.set(name, volume);
	}

	#discard(name: string): void {
		this.#trash.take(this.directoryOf(name), name);
		this.#volumes.delete(name);
		this.#changed();
	}

	#changed(): void {
		for (const listener of [...this.#listeners]) listener();
	}
}

function settled({ arriving: _, ...volume }: VolumeFile): VolumeFile {
	return volume;
}

function stateOf({ name, labels, createdAtMs }: VolumeFile): VolumeState {
	return { name, labels, createdAtMs };
}
