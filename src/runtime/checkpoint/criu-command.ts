// CRIU's command lines and the files that carry them to our C programs. Pure. Each option is there for a reason (facts of
// 2026 on kernel 6.18, CRIU 4.2.1): own network namespace and cgroups on both sides, nothing packed that the runtime makes anyway.

import { join } from "node:path";
import type { ContainerDirectory } from "../container-directory.js";
import type { CriuInstallation } from "./criu-installation.js";
import type { DumpManifest } from "./manifest.js";
import type { ExternalMount } from "./mounts.js";

/** Descriptors that swarm-monitor gives to a restoring criu (monitor/restore.c). */
const OUTPUT_FDS = { stdout: 7, stderr: 8 } as const;
/** Where swarm-monitor puts what the root of a user namespace is to mount (monitor/restored-mounts.h). */
const RESTORED_MOUNTS = "/run/stratoswarm";
/** Deleted but open files are packed up to this size. */
const GHOST_LIMIT = "100M";

/** Common to both directions. */
const both = ["-v1", "--manage-cgroups=ignore", "--tcp-established", "--file-locks", "--link-remap"];

export interface DumpPlace {
	readonly pid: number;
	readonly directory: ContainerDirectory;
	readonly imageDirectory: string;
	/** Logs and statistics of criu itself. */
	readonly workDirectory: string;
	readonly externals: readonly ExternalMount[];
	/** The program that is also the action script. */
	readonly hook: string;
	readonly userNamespace: boolean;
}

/**
 * What a user namespace owns can only be restored in it, so CRIU makes the network namespace together with it, empty: its content is the
 * hook's and the daemon's. Without one CRIU is in the network namespace itself, which spares it the work.
 */
function networkArguments(userNamespace: boolean): readonly string[] {
	return userNamespace ? ["--empty-ns", "net"] : [];
}

export function dumpArguments(criu: CriuInstallation, place: DumpPlace): readonly string[] {
	return [
		...criu.argv,
		"dump",
		...["-t", String(place.pid), "-D", place.imageDirectory, "-W", place.workDirectory, "-o", "dump.log"],
		...both,
		// The post-dump hook has frozen the cgroup: they stay as they are, whatever becomes of criu.
		"--leave-running",
		...["--network-lock", "nftables", "--skip-in-flight", "--ghost-limit", GHOST_LIMIT],
		...networkArguments(place.userNamespace),
		...["--root", place.directory.merged],
		...place.externals.flatMap(({ key, point }) => ["--external", `mnt[${point}]:${key}`]),
		...["--action-script", place.hook],
	];
}

export interface RestorePlace {
	readonly directory: ContainerDirectory;
	readonly imageDirectory: string;
	readonly workDirectory: string;
	readonly manifest: DumpManifest;
	readonly hook: string;
	/** Contents of a named volume on this machine. */
	readonly volumePath: (name: string) => string;
}

export function restoreArguments(criu: CriuInstallation, place: RestorePlace): readonly string[] {
	const { directory, manifest } = place;
	return [
		...criu.argv,
		"restore",
		...["-D", place.imageDirectory, "-W", place.workDirectory, "-o", "restore.log"],
		...both,
		...networkArguments(manifest.userNamespace),
		...(manifest.userNamespace ? ["--network-lock", "nftables"] : []),
		...["--root", manifest.userNamespace ? `${RESTORED_MOUNTS}/root` : directory.merged],
		...manifest.externals.flatMap((external) => ["--external", `mnt[${external.key}]:${sourceOf(place, external)}`]),
		...["--action-script", place.hook],
		// The first process becomes the monitor's child when criu ends.
		"-d",
		...["--inherit-fd", `fd[${OUTPUT_FDS.stdout}]:pipe:[${manifest.pipes.stdout}]`],
		...["--inherit-fd", `fd[${OUTPUT_FDS.stderr}]:pipe:[${manifest.pipes.stderr}]`],
	];
}

/** Strings, each ended by NUL (common/criu.h). */
export function encodeCommand(strings: readonly string[]): Uint8Array {
	return new TextEncoder().encode(strings.map((text) => `${text}\0`).join(""));
}

function sourceOf({ directory, manifest, volumePath }: RestorePlace, { place }: ExternalMount): string {
	const { userNamespace } = manifest;
	if (place.kind === "container") return join(userNamespace ? RESTORED_MOUNTS : directory.path, place.path);
	const path = place.kind === "volume" ? volumePath(place.name) : place.path;
	return userNamespace ? join(RESTORED_MOUNTS, "host", path) : path;
}
