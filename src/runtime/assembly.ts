// Puts a container together on this machine and takes it apart again: directory, cgroups, network, launch file, monitor. Each
// step can be undone by names alone, so that a new daemon can clean up after one that was killed in between. Knows nothing of
// phases and epochs.

import {
	closeSync,
	constants,
	existsSync,
	fstatSync,
	ftruncateSync,
	openSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { join } from "node:path";
import { SwarmError } from "../errors.js";
import type { ContainerId, Spec } from "../model.js";
import { encodeLaunch, type LaunchFile } from "../native/launch.js";
import type { Native } from "../native/native.js";
import type { NativePaths } from "../native/paths.js";
import type { Cgroups } from "./cgroup/cgroups.js";
import type { Container } from "./container.js";
import type { ContainerDirectory } from "./container-directory.js";
import { hostnameOf, hostsFile, launchConfigOf, resolvConfOf } from "./launch-config.js";
import type { Leftovers } from "./leftovers.js";
import { hasEnded } from "./life-cycle.js";
import type { ContainerNetwork } from "./network/network.js";
import type { ContainerState, RestoreRequest } from "./runtime.js";
import type { SeccompPrograms } from "./seccomp/programs.js";
import { findDevices } from "./security/devices.js";
import type { IdRanges } from "./security/id-ranges.js";
import { hasUsualDevices } from "./security/launch-security.js";
import { lackingUserNamespaces, type UserNamespaces } from "./security/user-namespaces.js";
import type { Spares, StandingKind } from "./spares.js";
import type { Trash } from "./trash.js";
import { checkBinds } from "./volumes/binds.js";
import type { VolumeStore } from "./volumes/volume-store.js";

export interface AssemblyParts {
	readonly native: Native;
	readonly paths: NativePaths;
	readonly cgroups: Cgroups;
	readonly network: ContainerNetwork;
	readonly trash: Trash;
	readonly leftovers: Leftovers;
	readonly spares: Spares;
	readonly seccomp: SeccompPrograms;
	readonly ids: IdRanges;
	readonly volumes: VolumeStore;
	readonly stateDirectory: string;
	readonly userNamespaces: UserNamespaces;
}

/** Monitor and init have this long to build the container: mounts on a loaded machine, not the workload. */
const BUILD_MS_MAX = 60_000;
/** The monitor answers when the workload was executed: a binary from a slow disk. */
export const START_MS_MAX = 60_000;
/** From the end of the container's processes to the end of its monitor: draining the pipes, one fsync. */
const MONITOR_MS_MAX = 15_000;

/** The file that grows and the full ones before it (native/monitor/log-file.c). */
const LOG_NAME_PATTERN = /^(stdout|stderr)(\.[1-9]\d{0,11})?$/;

/** The upper layer and the logs of a moved container, by rename: all are on the file system of the state directory. */
export function moveFilesIn(
	directory: ContainerDirectory,
	request: Pick<RestoreRequest, "upperDirectory" | "logDirectory">,
): void {
	renameSync(request.upperDirectory, directory.upper);
	for (const name of readdirSync(request.logDirectory).filter((entry) => LOG_NAME_PATTERN.test(entry)))
		renameSync(join(request.logDirectory, name), join(directory.log, name));
}

/** Of a copy that moves here. */
export interface CopySurroundings {
	/** Whether it has a user namespace, which is not for this node to decide. */
	readonly mapped: boolean;
}

/**
 * Cgroups with limits, network, launch file; then only processes are missing. The address of a copy is not heard of yet: until its sockets are
 * there, its network would refuse the connections that it has. Volumes are the caller's (VolumeStore.using).
 */
export async function makeSurroundings(
	container: Container,
	parts: AssemblyParts,
	signal: AbortSignal,
	copy: CopySurroundings | null = null,
): Promise<void> {
	const { spec } = container.request;
	checkBinds(container.id, spec, parts.stateDirectory);
	await chooseIds(container, parts, copy?.mapped);
	const cgroup = parts.cgroups.create(container.id, spec.resources);
	// Another filter than the usual one is the monitor's to attach, and one that stood ready has it from its own.
	if (hasUsualDevices(spec) && container.standingPid === null) parts.native.deviceFilterAttach(cgroup.unified);
	// The network namespace is the user namespace's own and comes with it; that of an earlier life goes.
	if (getsNetworkLater(container)) await parts.network.detach(container.id);
	else await attachNetwork(container, parts, { pid: container.standingPid, up: copy === null });
	signal.throwIfAborted();
	writeLaunch(container, parts);
}

/** Of which kind one that stands ready must be to become this container. */
export async function standingKindOf(
	id: ContainerId,
	spec: Spec,
	{ userNamespaces }: Pick<AssemblyParts, "userNamespaces">,
): Promise<StandingKind> {
	return (await userNamespaces.wants(id, spec)) ? "mapped" : "plain";
}

/** One that stood ready has its range of ids, or none. */
async function chooseIds(
	container: Container,
	{ ids, cgroups, userNamespaces }: AssemblyParts,
	mapped: boolean | undefined,
): Promise<void> {
	const { id, request } = container;
	if (container.standingPid !== null) return;
	if (mapped === true && userNamespaces.lack !== null) throw lackingUserNamespaces(id, userNamespaces.lack);
	const wanted = mapped ?? (await userNamespaces.wants(id, request.spec));
	container.change({ firstId: wanted ? ids.take(cgroups.nameOf(id) ?? id) : null });
}

/** Whether its network namespace is there only when its processes are. */
export function getsNetworkLater({ state, standingPid, request }: Container): boolean {
	return state.firstId !== null && standingPid === null && request.spec.network === "bridge";
}

/** When its monitor says that its namespaces are there: gives the network its link, and lets the monitor go on. */
export async function connectStanding(
	container: Container,
	parts: AssemblyParts,
	signal: AbortSignal,
	{ action, msMax, up }: { readonly action: string; readonly msMax: number; readonly up: boolean },
): Promise<void> {
	await container.until(action, () => container.standingPid !== null, msMax, signal);
	await attachNetwork(container, parts, { pid: container.standingPid, up });
	await container.launchStanding();
}

/** `pid`: whose network namespace it is; null: a new one. `up`: others hear of it at once. */
async function attachNetwork(
	container: Container,
	{ network }: AssemblyParts,
	{ pid, up }: { readonly pid: number | null; readonly up: boolean },
): Promise<void> {
	const { spec, address } = container.request;
	if (spec.network === "bridge" && address === null)
		throw new SwarmError("usage", `Cannot create ${container.id}: it has no address, wanted one for network bridge`);
	if (spec.network === "bridge" && address !== null && !network.isWhole(container.id)) {
		// What an earlier life left and a reboot took half of.
		await network.detach(container.id);
		await network.attach(container.id, { address, ports: spec.ports, pid, up });
	}
	network.shape(container.id, spec.resources);
}

function writeLaunch(container: Container, { network, seccomp, volumes }: AssemblyParts): void {
	const config = launchConfigOf(container.request, container.state.epoch, {
		directory: container.directory,
		cgroup: container.cgroup,
		netnsPath: network.attachmentOf(container.id)?.netnsPath ?? null,
		resolvConf: resolvConf(container.request.spec.network),
		passing: container.passing && container.ahead ? "when-told" : container.passing,
		firstId: container.state.firstId,
		devices: findDevices(container.id, container.request.spec.security.devices),
		programOf: (profile) => seccomp.pathOf(profile),
		volumeDirectory: (name) => volumes.directoryOf(name),
	});
	writeFileSync(container.directory.launch, encodeLaunch(config), { mode: 0o600 });
}

/**
 * What a container that was made ahead lacks when it is known which one it is: network, /etc/hosts, launch file for exec. Its monitor
 * gives it its name with the start.
 */
export async function fitMade(container: Container, parts: AssemblyParts, signal: AbortSignal): Promise<void> {
	await attachNetwork(container, parts, { pid: container.state.pid, up: true });
	signal.throwIfAborted();
	const { address } = container.request;
	if (address !== null) rewrite(container, hostsFile(hostnameOf(container.id), address));
	if (!container.passing) writeLaunch(container, parts);
}

/**
 * In place, so that what is mounted shows it. Nobody has written there but the init; where the image has something else it did not.
 * Truncated only when it is shorter: ext4 takes 2 ms to truncate what was just written.
 */
function rewrite(container: Container, { path, content }: LaunchFile): void {
	const real = join(container.directory.upper, path);
	if (!existsSync(real)) return;
	const descriptor = openSync(real, constants.O_WRONLY | constants.O_NOFOLLOW);
	try {
		if (fstatSync(descriptor).size > Buffer.byteLength(content)) ftruncateSync(descriptor);
		writeSync(descriptor, content);
	} finally {
		closeSync(descriptor);
	}
}

/** Its namespaces were made with it; else the monitor makes them. */
async function launchStanding(container: Container): Promise<boolean> {
	if (container.standingPid === null) return false;
	await container.launchStanding();
	return true;
}

/** All of a container but its first instruction. Its record is the last before there are processes: an earlier crash leaves a directory without one. */
export async function build(
	container: Container,
	parts: AssemblyParts,
	{ durable, signal }: { readonly durable: boolean; readonly signal: AbortSignal },
): Promise<void> {
	await parts.volumes.using(container.request.spec, async () => {
		await makeSurroundings(container, parts, signal);
		container.save(durable);
		await startMonitor(container, parts, signal);
	});
}

/** Builds and starts a container that nobody starts by a call of its own. Resolves when it runs, or has run. */
export async function beginPassing(container: Container, parts: AssemblyParts, signal: AbortSignal): Promise<void> {
	await parts.volumes.using(container.request.spec, async () => {
		const { isMade } = container;
		if (isMade) await fitMade(container, parts, signal);
		else await makeSurroundings(container, parts, signal);
		container.step("start");
		if (isMade) await container.tellToStart(container.request.epoch);
		else await startPassing(container, parts, signal);
		const begun = ({ phase }: ContainerState) => phase === "running" || hasEnded(phase);
		await container.until("run", begun, BUILD_MS_MAX + START_MS_MAX, signal);
	});
}

/** Starts the monitor of a passing container, which begins to build and then to run it. Its end is told by its monitor alone. */
async function startPassing(container: Container, parts: AssemblyParts, signal: AbortSignal): Promise<void> {
	if (await launchStanding(container)) return;
	const { path, stderr } = container.directory;
	container.followMonitor(parts.native.spawnConnected([parts.paths.monitor, "run", path], stderr).connection);
	if (getsNetworkLater(container)) await connectStanding(container, parts, signal, building);
}

const building = { action: "create", msMax: BUILD_MS_MAX, up: true } as const;

/** Starts the monitor and waits until all but the first instruction is done. `failed` with the reason when it cannot be. */
export async function startMonitor(container: Container, parts: AssemblyParts, signal: AbortSignal): Promise<void> {
	const { path, stderr, monitorSocket } = container.directory;
	if (!(await launchStanding(container))) {
		parts.native.spawnDetached([parts.paths.monitor, "run", path], { stderrPath: stderr, socketPath: monitorSocket });
		await container.attachNewMonitor();
		if (getsNetworkLater(container)) await connectStanding(container, parts, signal, building);
	}
	await container.until("create", (state) => state.pid !== null, BUILD_MS_MAX, signal);
}

/** Ends what runs and leaves the files: the state that `makeSurroundings` wants. */
export async function stripProcesses(container: Container, { cgroups }: AssemblyParts): Promise<void> {
	await endProcesses(container, cgroups);
	await cgroups.remove(container.id);
	rmSync(container.directory.exit, { force: true });
	rmSync(container.directory.monitorSocket, { force: true });
}

/**
 * SIGKILL to all of it, then the monitor writes its last. One that has told of the end has let go of everything and is not
 * waited for; one that hangs is left behind.
 */
export async function endProcesses(container: Container, cgroups: Cgroups): Promise<void> {
	if (!hasEnded(container.state.phase)) {
		cgroups.kill(container.id);
		await container.monitorDone(MONITOR_MS_MAX);
	}
	container.letGo();
}

/** Ends a container that was made ahead and that nobody took. */
export async function endMade(container: Container, { cgroups, trash, ids }: AssemblyParts): Promise<void> {
	await endProcesses(container, cgroups);
	const name = cgroups.nameOf(container.id) ?? container.id;
	await cgroups.remove(container.id);
	ids.release(name);
	trash.take(container.directory.path, "spare");
}

/** Removes every trace by name. Needs no record; absent parts are fine. */
export async function dismantle(
	container: ContainerId,
	directory: ContainerDirectory,
	{ cgroups, network, trash, ids }: AssemblyParts,
): Promise<void> {
	const name = cgroups.nameOf(container) ?? container;
	await cgroups.remove(container);
	await network.detach(container);
	ids.release(name);
	trash.take(directory.path, container);
}

/** Of systemd-resolved, beside its stub. */
const UPSTREAM_RESOLV_CONF = "/run/systemd/resolve/resolv.conf";

/** On the node's own network its name servers on loopback are there too. */
function resolvConf(network: Spec["network"]): string {
	if (network === "host") return readIfThere("/etc/resolv.conf") ?? "";
	// Asked first: most nodes have none, and an exception takes far longer than a look.
	const upstream = existsSync(UPSTREAM_RESOLV_CONF) ? readIfThere(UPSTREAM_RESOLV_CONF) : null;
	return resolvConfOf(readIfThere("/etc/resolv.conf") ?? "", upstream);
}

function readIfThere(path: string): string | null {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return null;
	}
}
