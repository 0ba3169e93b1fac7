// The cgroups of this daemon's containers: `<tree>/swarm/<scope>/<container>` in the v2 tree and, on hybrid hosts, in the
// v1 trees whose controllers are needed. Those of a container that stood ready keep the name they were made under: a v2 cgroup
// cannot be renamed. Calls are synchronous: each is a few microseconds of kernel work. Must never touch a
// cgroup outside `swarm/<scope>`, but for enabling controllers on the way down.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../clock.js";
import { SwarmError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { ContainerId, LimitName, OomReport, ResourceRequest } from "../../model.js";
import type { ReadingName } from "../stats/readings.js";
import type { StatFile } from "../stats/stats-reader.js";
import { blockDeviceOf } from "./block-device.js";
import { changeLimits } from "./change-limits.js";
import { type CgroupLayout, type Controller, type ControllerHome, controllers } from "./layout.js";
import {
	ADAPTED_PERIOD_US,
	cgroupLimitsNeeded,
	controllerOf,
	controllersNeeded,
	limitNames,
	quotaUsOf,
	type SettingsPlace,
	settingChanges,
	settingsOf,
	witnessOf,
} from "./limits.js";
import { writeSetting } from "./write-setting.js";

/** Where one container's processes belong. */
export interface ContainerCgroup {
	/** v2 directory: clone into it, freeze and kill through it. */
	readonly unified: string;
	/** v1 directories that the first process must enter by its own hand, by writing 0 to `tasks`. */
	readonly legacy: readonly string[];
	/** Directory that accounts memory (v1 or v2) and so knows of OOM kills; null without the controller. */
	readonly memory: string | null;
}

export interface Cgroups {
	/** What cgroups can limit here. */
	readonly limits: readonly LimitName[];
	/** Pure: the names, whether or not they exist. */
	of(container: ContainerId, request: ResourceRequest): ContainerCgroup;
	/** Makes those of a container that is not known yet, `<scope>/<name>`, and gives the v2 one. `name` begins with SPARE_PREFIX. */
	prepare(name: string): string;
	/** From now on what stands under `name` is the container's, whosever it was. */
	adopt(container: ContainerId, name: string): void;
	/** The name under which the container's stand, where it is another than its own. */
	nameOf(container: ContainerId): string | null;
	/** Kills and removes what stands under a name that no container has taken. As `remove`. */
	discard(name: string): Promise<void>;
	/** Makes them and writes the limits; undone when it throws. `unsupported` when a limit has no controller here. */
	create(container: ContainerId, request: ResourceRequest): ContainerCgroup;
	/**
	 * From the limits of one request to those of another while it runs, all or none: `refused` says which the kernel does not
	 * take (memory below what is in use). Gives the v1 directories that its processes entered for it.
	 */
	change(container: ContainerId, before: ResourceRequest, after: ResourceRequest): Promise<readonly string[]>;
	/** SIGKILL to everything inside, frozen or not. Absent is fine. */
	kill(container: ContainerId): void;
	/** Kills what is inside, then removes; resolves when all is gone, `timeout` after REMOVE_MS_MAX. Idempotent. */
	remove(container: ContainerId): Promise<void>;
	isFrozen(container: ContainerId): boolean;
	/** Whether no process is inside. True when absent. */
	isEmpty(container: ContainerId): boolean;
	/** OOM kills since it was made; 0 without a memory controller. */
	oomKills(container: ContainerId): number;
	/** CPUs that a request with a CPU mode gets a share of: its `cpus`, else those it may use. */
	cpusOf(request: ResourceRequest): number;
	/** The share that its quota is, and sets it; for requests with a CPU mode. null when it cannot be read. */
	quotaPercent(container: ContainerId, request: ResourceRequest): number | null;
	setQuota(container: ContainerId, request: ResourceRequest, percent: number): void;
	/** null without a memory controller. */
	oom(container: ContainerId): OomNumbers | null;
	/** Where its use stands; those of controllers that this machine lacks or that it has no part in are left out. */
	statFiles(container: ContainerId, request: ResourceRequest): readonly StatFile[];
	/** Containers that have a cgroup, also those that no record knows. */
	list(): readonly ContainerId[];
	/** Names of prepared ones that no container has taken. */
	spares(): readonly string[];
	/** Removes `swarm/<scope>` itself where it is empty; keeps it otherwise. */
	close(): void;
}

export interface OomNumbers extends Omit<OomReport, "process" | "timeMs"> {
	/** End of its path, as the kernel's log names it. */
	readonly cgroup: string;
}

const memoryFiles = {
	v1: {
		events: "memory.oom_control",
		limit: "memory.limit_in_bytes",
		usage: "memory.usage_in_bytes",
		peak: "memory.max_usage_in_bytes",
	},
	v2: { events: "memory.events", limit: "memory.max", usage: "memory.current", peak: "memory.peak" },
} as const;
/** v1 says "no limit" with the largest number of pages that fit a signed long. */
const UNLIMITED_BYTES_LEAST = 2 ** 62;

export interface CgroupsOptions {
	readonly layout: CgroupLayout;
	/** Short name of the daemon, so that several share a machine. */
	readonly scope: string;
	readonly clock: Clock;
	readonly logger: Logger;
	/** pidfd signal, false when the process is gone. */
	readonly signal: (pid: number, signal: number) => boolean;
}

/** No container's name begins like this. */
export const SPARE_PREFIX = "_spare-";
/** A cgroup is busy until its dead processes are reaped and the kernel has let go of them. */
export const REMOVE_MS_MAX = 10_000;
const REMOVE_PAUSE_MS_MAX = 20;
const SIGKILL = 9;
/** Every container is in the trees of these. */
const accounted: readonly Controller[] = ["memory", "pids"];
/** Every cgroup of v2 has them. The others make each cgroup dearer and are enabled with the first container that asks for them. */
const alwaysUsed: readonly Controller[] = ["cpu", "memory", "pids", "io"];

export function openCgroups(options: CgroupsOptions): Cgroups {
	const { scope, clock, signal } = options;
	const homes = prepareTrees(options);
	const scopePath = (mount: string) => join(mount, "swarm", scope);
	const pressure = existsSync(join(scopePath(options.layout.unified), "cpu.pressure"));
	const limits = limitNames.filter(
		(name) => offers(name, homes[controllerOf(name)], scopePath) && (name !== "cpu.mode" || pressure),
	);
	const place: SettingsPlace = {
		versionOf: (name) => (homes[name] as ControllerHome).version,
		deviceOf: blockDeviceOf,
		cpusOf,
	};
	const names = new Map<ContainerId, string>();
	const pathOf = (mount: string, name: string) => join(scopePath(mount), name);
	const pathIn = (mount: string, container: ContainerId) => pathOf(mount, names.get(container) ?? container);
	const legacyMounts = [
		...new Set(controllers.flatMap((name) => (homes[name]?.version === 1 ? [homes[name].mount] : []))),
	];
	const allMounts = [options.layout.unified, ...legacyMounts];
	const unifiedOf = (container: ContainerId) => pathIn(options.layout.unified, container);
	const homePathOf = (name: Controller, container: ContainerId) => {
		const home = homes[name];
		return home === null ? null : pathIn(home.mount, container);
	};
	const enableFor = (request: ResourceRequest) => {
		for (const name of controllersNeeded(request)) {
			const home = homes[name];
			if (home?.version === 2 && !alwaysUsed.includes(name)) enableController(scopePath(home.mount), name);
		}
	};
	const of = (container: ContainerId, request: ResourceRequest): ContainerCgroup => {
		// Memory and pids are always accounted; entering another v1 cgroup costs, so only for a limit.
		const wanted = new Set<Controller>([...accounted, ...controllersNeeded(request)]);
		const used = controllers.filter((name) => homes[name]?.version === 1 && wanted.has(name));
		const legacy = [...new Set(used.map((name) => pathIn((homes[name] as ControllerHome).mount, container)))];
		return { unified: unifiedOf(container), legacy, memory: homePathOf("memory", container) };
	};
	const killNamed = (name: string) => {
		// Every process of a container is in its v2 cgroup. Linux before 5.14 has no such file.
		if (writeIfThere(join(pathOf(options.layout.unified, name), "cgroup.kill"), "1")) return;
		for (const mount of allMounts) for (const pid of processesIn(pathOf(mount, name))) signal(pid, SIGKILL);
	};
	const removeNamed = async (name: string) => {
		const endMs = clock.monotonicMs() + REMOVE_MS_MAX;
		for (let pauseMs = 1; ; pauseMs = Math.min(REMOVE_PAUSE_MS_MAX, pauseMs * 2)) {
			try {
				for (const mount of allMounts) removeTree(pathOf(mount, name));
				return;
			} catch (thrown) {
				if (clock.monotonicMs() > endMs)
					throw new SwarmError(
						"timeout",
						`Cannot remove the cgroups of ${name}: still busy after ${REMOVE_MS_MAX} ms, wanted no process inside`,
						{ retryable: true, cause: thrown },
					);
				killNamed(name);
			}
			await clock.sleep(pauseMs, new AbortController().signal);
		}
	};
	const namesPresent = () => [...new Set(allMounts.flatMap((mount) => directoriesIn(scopePath(mount))))];
	return {
		limits,
		of,
		create(container, request) {
			refuseMissing(container, request, limits);
			const cgroup = of(container, request);
			const made: string[] = [];
			try {
				enableFor(request);
				for (const path of [cgroup.unified, ...cgroup.legacy]) {
					// Prepared: those that every container has are there.
					if (names.has(container) && existsSync(path)) continue;
					mkdirSync(path);
					made.push(path);
				}
				for (const setting of settingsOf(request, place))
					writeSetting(container, homePathOf(setting.controller, container) as string, setting);
			} catch (thrown) {
				for (const path of made) rmdirSync(path);
				if (thrown instanceof SwarmError) throw thrown;
				throw new SwarmError("failed", `Cannot make the cgroups of ${container}: ${String(thrown)}`, { cause: thrown });
			}
			return cgroup;
		},
		async change(container, before, after) {
			refuseMissing(container, after, limits);
			enableFor(after);
			const known = of(container, before).legacy;
			const entered = of(container, after).legacy.filter((path) => !known.includes(path));
			return changeLimits({
				container,
				changes: settingChanges(settingsOf(before, place), settingsOf(after, place)),
				directoryOf: (name) => homePathOf(name, container) as string,
				memory: { directory: homePathOf("memory", container), version: homes.memory?.version ?? 2 },
				entered,
				processes: () => processesIn(unifiedOf(container)),
			});
		},
		prepare(name) {
			const mounts = new Set(
				accounted.flatMap((name) => (homes[name]?.version === 1 ? [(homes[name] as ControllerHome).mount] : [])),
			);
			const paths = [options.layout.unified, ...mounts].map((mount) => pathOf(mount, name));
			for (const path of paths) mkdirSync(path);
			return paths[0] as string;
		},
		adopt(container, name) {
			for (const [holder, held] of names) if (held === name) names.delete(holder);
			names.set(container, name);
		},
		nameOf: (container) => names.get(container) ?? null,
		discard: removeNamed,
		kill: (container) => killNamed(names.get(container) ?? container),
		async remove(container) {
			await removeNamed(names.get(container) ?? container);
			names.delete(container);
		},
		isFrozen: (container) => flagIn(join(unifiedOf(container), "cgroup.events"), "frozen") === 1,
		isEmpty: (container) => (flagIn(join(unifiedOf(container), "cgroup.events"), "populated") ?? 0) === 0,
		oomKills(container) {
			const path = homePathOf("memory", container);
			if (path === null) return 0;
			const { events } = homes.memory?.version === 2 ? memoryFiles.v2 : memoryFiles.v1;
			return flagIn(join(path, events), "oom_kill") ?? 0;
		},
		cpusOf,
		quotaPercent(container, request) {
			const path = homePathOf("cpu", container) as string;
			const us = numberIn(join(path, homes.cpu?.version === 2 ? "cpu.max" : "cpu.cfs_quota_us"));
			return us === null || us <= 0 ? null : Math.round((100 * us) / (cpusOf(request) * ADAPTED_PERIOD_US));
		},
		setQuota(container, request, percent) {
			const us = quotaUsOf(cpusOf(request), percent, ADAPTED_PERIOD_US);
			const path = homePathOf("cpu", container) as string;
			if (homes.cpu?.version === 2) writeFileSync(join(path, "cpu.max"), `${us} ${ADAPTED_PERIOD_US}`);
			else writeFileSync(join(path, "cpu.cfs_quota_us"), String(us));
		},
		oom(container) {
			const path = homePathOf("memory", container);
			if (path === null) return null;
			const files = homes.memory?.version === 2 ? memoryFiles.v2 : memoryFiles.v1;
			const number = (name: string) => sizeIn(join(path, name));
			return {
				cgroup: join("/swarm", scope, names.get(container) ?? container),
				kills: flagIn(join(path, files.events), "oom_kill") ?? 0,
				limitBytes: number(files.limit),
				usageBytes: number(files.usage) ?? 0,
				peakBytes: number(files.peak),
			};
		},
		statFiles(container, request) {
			const unified = unifiedOf(container);
			const quota = hasQuota(request) ? homePathOf("cpu", container) : null;
			const io =
				homes.io?.version === 1 && !controllersNeeded(request).includes("io") ? null : homePathOf("io", container);
			const memoryFile = (homes.memory?.version === 2 ? memoryFiles.v2 : memoryFiles.v1).usage;
			const ioFile = homes.io?.version === 2 ? "io.stat" : "blkio.throttle.io_service_bytes";
			const file = (name: ReadingName, directory: string | null, of: string) =>
				directory === null ? [] : [{ name, path: join(directory, of) }];
			return [
				...file("cpu", unified, "cpu.stat"),
				...file("quota", quota, "cpu.stat"),
				...file("memory", homePathOf("memory", container), memoryFile),
				...file("pids", homePathOf("pids", container), "pids.current"),
				...file("io", io, ioFile),
				...file("cpuPressure", unified, "cpu.pressure"),
				...file("memoryPressure", unified, "memory.pressure"),
				...file("ioPressure", unified, "io.pressure"),
			];
		},
		list() {
			const holders = new Map([...names].map(([container, name]) => [name, container]));
			const present = namesPresent().filter((name) => holders.has(name) || !name.startsWith(SPARE_PREFIX));
			return present.map((name) => holders.get(name) ?? (name as ContainerId));
		},
		spares() {
			const taken = new Set(names.values());
			return namesPresent().filter((name) => name.startsWith(SPARE_PREFIX) && !taken.has(name));
		},
		close() {
			for (const mount of allMounts)
				for (const path of [scopePath(mount), join(mount, "swarm")]) {
					try {
						rmdirSync(path);
					} catch {
						// Another container or daemon is in it.
					}
				}
		},
	};
}

/** Makes `swarm/<scope>` in every tree and enables v2 controllers on the way; gives what can really be used. */
function prepareTrees({ layout, scope, logger }: CgroupsOptions): Readonly<Record<Controller, ControllerHome | null>> {
	const homes = { ...layout.homes };
	mkdirSync(join(layout.unified, "swarm", scope), { recursive: true });
	for (const name of controllers) {
		const home = homes[name];
		if (home === null) continue;
		if (home.version === 1) {
			mkdirSync(join(home.mount, "swarm", scope), { recursive: true });
			if (name === "cpuset") fillCpuset(home.mount, ["swarm", scope]);
			continue;
		}
		try {
			for (const path of ["", "swarm"]) enableController(join(home.mount, path), name);
			if (alwaysUsed.includes(name)) enableController(join(home.mount, "swarm", scope), name);
		} catch (thrown) {
			// EBUSY: the top of our view is not the machine's root cgroup and has processes of its own in it.
			logger.warn("a cgroup controller cannot be enabled; limits that need it are refused", {
				controller: name,
				error: String(thrown),
			});
			homes[name] = null;
		}
	}
	return homes;
}

/** A cpuset of v1 has no CPUs and takes no task until it is given some; below `clone_children` it starts with its parent's. */
function fillCpuset(mount: string, names: readonly string[]): void {
	let path = mount;
	for (const name of names) {
		const parent = path;
		path = join(path, name);
		for (const file of ["cpuset.cpus", "cpuset.mems"])
			if (readFileSync(join(path, file), "utf8").trim() === "")
				writeFileSync(join(path, file), readFileSync(join(parent, file)));
		writeFileSync(join(path, "cgroup.clone_children"), "1");
	}
}

function offers(limit: LimitName, home: ControllerHome | null, scopePath: (mount: string) => string): boolean {
	if (home === null) return false;
	const witness = witnessOf(limit, home.version);
	return witness === null || existsSync(join(scopePath(home.mount), witness));
}

function refuseMissing(container: ContainerId, request: ResourceRequest, limits: readonly LimitName[]): void {
	const missing = cgroupLimitsNeeded(request).filter((name) => !limits.includes(name));
	if (missing.length === 0) return;
	throw new SwarmError(
		"unsupported",
		`Cannot limit ${container}: this machine cannot limit ${missing.join(", ")}, see \`swarm doctor\``,
		{ details: { container, missing } },
	);
}

function enableController(path: string, name: Controller): void {
	const file = join(path, "cgroup.subtree_control");
	if (readFileSync(file, "utf8").trim().split(/\s+/).includes(name)) return;
	writeFileSync(file, `+${name}`);
}

function removeTree(path: string): void {
	// Asked first: most containers are in few of the trees, and an exception takes far longer than a look.
	if (!existsSync(path)) return;
	try {
		rmdirSync(path);
	} catch (thrown) {
		const { code } = thrown as NodeJS.ErrnoException;
		if (code === "ENOENT") return;
		// The workload may have made cgroups of its own below.
		for (const child of directoriesIn(path)) removeTree(join(path, child));
		rmdirSync(path);
	}
}

function processesIn(path: string): readonly number[] {
	try {
		const own = readFileSync(join(path, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
		return [...own.filter((pid) => pid > 0), ...directoriesIn(path).flatMap((child) => processesIn(join(path, child)))];
	} catch {
		return [];
	}
}

function directoriesIn(path: string): readonly string[] {
	try {
		return readdirSync(path, { withFileTypes: true })
			.filter((entry) => entry.isDirectory())
			.map((entry) => entry.name);
	} catch {
		return [];
	}
}

/** `key number` lines (flat keyed, cgroup-v2.rst); null when file or key is absent. */
function flagIn(path: string, key: string): number | null {
	try {
		const found = new RegExp(`^${key} (\\d+)$`, "m").exec(readFileSync(path, "utf8"));
		return found === null ? null : Number(found[1]);
	} catch {
		return null;
	}
}

/** Bytes in a file; null when it is absent or says that there is no limit. */
function sizeIn(path: string): number | null {
	try {
		const bytes = Number(readFileSync(path, "utf8"));
		return Number.isNaN(bytes) || bytes >= UNLIMITED_BYTES_LEAST ? null : bytes;
	} catch {
		return null;
	}
}

/** The number that a file begins with; null when it is absent or begins with none. */
function numberIn(path: string): number | null {
	try {
		const number = Number.parseInt(readFileSync(path, "utf8"), 10);
		return Number.isNaN(number) ? null : number;
	} catch {
		return null;
	}
}

export function hasQuota({ cpus, cpuMode }: ResourceRequest): boolean {
	return cpus !== null || (cpuMode ?? null) !== null;
}

function cpusOf({ cpus, cpusetCpus }: ResourceRequest): number {
	if (cpus !== null) return cpus;
	return cpusetCpus == null ? availableParallelism() : cpusInList(cpusetCpus);
}

/** CPUs of a list such as `0-3,8`. */
function cpusInList(list: string): number {
	const counts = list.split(",").map((part) => {
		const [first = 0, last = first] = part.split("-").map(Number);
		return Math.max(0, last - first + 1);
	});
	return Math.max(
		1,
		counts.reduce((sum, count) => sum + count, 0),
	);
}

function writeIfThere(path: string, value: string): boolean {
	try {
		writeFileSync(path, value, { flag: "r+" });
		return true;
	} catch {
		return false;
	}
}
