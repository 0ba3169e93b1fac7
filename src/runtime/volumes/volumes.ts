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
	/** Called after each change of `list`. Returns the unsubscribe function. */
	subscribe(listener: () => void): () => void;
}
