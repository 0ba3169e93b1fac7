// volume.json: what is known of a volume besides its files. A torn or missing one costs labels and date, never data.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../replace-file.js";
import type { VolumeState } from "./volumes.js";

export interface VolumeFile extends VolumeState {
	readonly version: 1;
	/** The move that brought it and has not told that the container runs here; absent: none. */
	readonly arriving?: string;
	/** The move that has brought it away. */
	readonly leaving?: string;
}

const FILE = "volume.json";
/** Its contents; absent until it was used for the first time. */
export const DATA = "data";
/** `data` while a container's init makes it (native/init/volumes.c). */
export const FILLING = "filling";

export function writeVolume(directory: string, volume: VolumeFile): void {
	replaceFile(join(directory, FILE), JSON.stringify(volume), true);
}

/** null for what was being made or removed when a daemon died: nothing of anybody is in it. */
export function readVolume(directory: string, name: string, nowMs: number): VolumeFile | null {
	const found = decoded(directory);
	if (found?.version === 1 && found.name === name && typeof found.createdAtMs === "number")
		return { ...found, labels: found.labels ?? {} };
	return existsSync(join(directory, DATA)) ? { version: 1, name, labels: {}, createdAtMs: nowMs } : null;
}

function decoded(directory: string): VolumeFile | null {
	try {
		return JSON.parse(readFileSync(join(directory, FILE), "utf8")) as VolumeFile | null;
	} catch {
		return null;
	}
}
