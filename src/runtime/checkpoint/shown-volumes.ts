// Which volume of a spec a mount of a running container shows: it is the same directory. By name it cannot be told: a target may lead over
// links of the image, and the kernel tells paths of its file systems only.

import { type BigIntStats, statSync } from "node:fs";
import type { Spec, VolumeMount } from "../../model.js";
import type { ExternalPlace } from "./mounts.js";

/** For mount points of the process; null for one that shows none. `pathOf`: contents of a named volume here. */
export function shownVolumes(
	volumes: Spec["volumes"],
	pid: number,
	pathOf: (name: string) => string,
): (point: string) => ExternalPlace | null {
	const known = volumes.flatMap((mount) => sourceOf(mount, pathOf) ?? []);
	return (point) => {
		const here = statOf(`/proc/${pid}/root${point}`);
		for (const one of known) {
			if (isSame(here, statOf(one.path))) {
				one.point ??= point;
				return one.place;
			}
			// What is mounted below a path of the node comes with it.
			const below = one.point !== null && point.startsWith(`${one.point}/`) ? point.slice(one.point.length) : null;
			if (one.place.kind === "bind" && below !== null && isSame(here, statOf(`${one.path}${below}`)))
				return { kind: "bind", path: `${one.path}${below}` };
		}
		return null;
	};
}

interface Source {
	readonly place: ExternalPlace;
	/** On this machine. */
	readonly path: string;
	/** Where it was found. */
	point: string | null;
}

function sourceOf(mount: VolumeMount, pathOf: (name: string) => string): Source | null {
	switch (mount.kind) {
		case "volume":
			return { place: { kind: "volume", name: mount.name }, path: pathOf(mount.name), point: null };
		case "bind":
			return { place: { kind: "bind", path: mount.source }, path: mount.source, point: null };
		case "tmpfs":
			return null;
	}
}

function statOf(path: string): BigIntStats | null {
	try {
		return statSync(path, { bigint: true });
	} catch {
		return null;
	}
}

function isSame(one: BigIntStats | null, other: BigIntStats | null): boolean {
	return one !== null && other !== null && one.dev === other.dev && one.ino === other.ino;
}
