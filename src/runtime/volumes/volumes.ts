// The named volumes of this machine, as a part of the Runtime port. A volume outlives the containers that use it; its contents come and
// go with a move of the one container that does.
//
// What may be assumed: what `list` tells is whole, also after a crash at any moment. A volume that a container here has, whatever its
// phase, is never removed but by `leave` of its move. Not guaranteed: that nobody writes to it.

import type { ContainerId } from "../../model.js";

export interface VolumeState {
	readonly name: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly createdAtMs: number;
}

export interface Volumes {
	/** In rising order of names, without those that a move has not brought whole. */
	list(): readonly VolumeState[];
	get(name: string): VolumeState | null;
	/** Containers here that have it, whatever their phase. */
	usersOf(name: string): readonly ContainerId[];
	/** `conflict` when there is one. */
	create(name: string, labels: Readonly<Record<string, string>>): VolumeState;
	/** Gone for its callers at once; its files are deleted in the background. `conflict` while a container here has it, `not-found`. */
	remove(name: string): void;
	/** Bytes of its files; of a great many those of the first ones (bytes-under.ts). */
	measure(name: string): Promise<number>;
	/** Where its contents are on this machine, once it was used. */
	pathOf(name: string): string;
	/** For migration/. */
	readonly moves: VolumeMoves;
	/** Called after each change of `list`. Returns the unsubscribe function. */
	subscribe(listener: () => void): () => void;
}

/** What travels of a volume besides its files. */
export type VolumeWord = VolumeState;

/**
 * Volumes that come and go with a container. At the source they are held from before the copying until the move is over, so that nobody else
 * begins to use them; they are gone only with `left`. At the target nothing is a volume before `arrive`, nobody but the container
 * that came with it can use one before `settle`, and `discard` leaves nothing. All are idempotent and survive a crash.
 */
export interface VolumeMoves {
	/** Nobody else begins to use them. Forgotten when the daemon ends: taken again by a move that goes on. */
	hold(move: string, names: readonly string[]): void;
	letGo(move: string): void;
	/** Marks them as brought away. */
	leave(move: string, names: readonly string[]): void;
	/** Removes those that are marked. */
	left(move: string): void;
	/** An empty directory for the contents of one that is coming; made anew. */
	incoming(move: string, name: string): string;
	/** What came is a volume, on the disk, for the container that came with it. `conflict` when there is one of that name. */
	arrive(move: string, volumes: readonly VolumeWord[]): Promise<void>;
	/** They are volumes like any other. */
	settle(move: string): void;
	discard(move: string): void;
	/** Moves of which something of this kind is on the disk, with the names of its volumes that are here. */
	list(): ReadonlyMap<string, readonly string[]>;
}
