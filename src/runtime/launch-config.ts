// From a request to what monitor and init are told. Pure.

import { SwarmError } from "../errors.js";
import type { ContainerId, SeccompProfile, Spec, VolumeMount } from "../model.js";
import type { LaunchConfig, LaunchDevice, LaunchFile, LaunchVolume } from "../native/launch.js";
import type { ContainerCgroup } from "./cgroup/cgroups.js";
import type { ContainerDirectory } from "./container-directory.js";
import type { CreateRequest } from "./runtime.js";
import { launchSecurityOf } from "./security/launch-security.js";
import { levels } from "./security/levels.js";

export interface LaunchPlace {
	readonly directory: ContainerDirectory;
	readonly cgroup: ContainerCgroup;
	/** null: a namespace of its own with loopback only. */
	readonly netnsPath: string | null;
	/** Text of /etc/resolv.conf inside. */
	readonly resolvConf: string;
	readonly passing: boolean | "when-told";
	/** File of a compiled seccomp profile. */
	readonly programOf: (profile: SeccompProfile) => string;
	/** That the spec names, as they are on this node. */
	readonly devices: readonly LaunchDevice[];
	/** Directory of a named volume. */
	readonly volumeDirectory: (name: string) => string;
	/** Of its range of user and group ids; null: it has no user namespace. */
	readonly firstId: number | null;
}

/** It needs a lease to run; what runs for a caller that waits is not the cluster's. */
export function isGuarded(spec: Pick<Spec, "policy">): boolean {
	return spec.policy === "exclusive";
}

/** sethostname(2) */
const HOSTNAME_BYTES_MAX = 64;

/** Throws `usage` when neither spec nor image says what to run. */
export function launchConfigOf(request: CreateRequest, epoch: number, place: LaunchPlace): LaunchConfig {
	const { spec, image } = request;
	const { hostFilesAt } = levels[spec.isolation];
	const hostname = hostnameOf(request.container);
	return {
		container: request.container,
		epoch,
		passing: place.passing,
		terminal: spec.terminal,
		stdin: spec.stdin,
		guarded: isGuarded(spec) && place.passing === false,
		hostname,
		logBytesMax: spec.logBytesMax,
		args: argumentsOf(request),
		env: { ...image.config.env, ...spec.env },
		workdir: spec.workdir ?? (image.config.workdir || "/"),
		user: spec.user ?? image.config.user,
		lowerDirectories: image.lowerDirectories.length > 0 ? image.lowerDirectories : [place.directory.lower],
		hostPaths: image.hostPaths,
		binds: hostFilesAt === null ? [] : [{ source: "/", target: hostFilesAt, readOnly: false }],
		volumes: spec.volumes.map((mount) => launchVolumeOf(mount, place)),
		files: filesOf(hostname, request.address, place.resolvConf),
		cgroup2: place.cgroup.unified,
		cgroup1: place.cgroup.legacy,
		netns: netnsOf(spec, place),
		networkLater: place.firstId !== null && spec.network === "bridge",
		rlimits: spec.security.rlimits,
		security: launchSecurityOf(spec, place),
	};
}

function launchVolumeOf(mount: VolumeMount, { volumeDirectory }: LaunchPlace): LaunchVolume {
	const { kind, target } = mount;
	switch (kind) {
		case "volume":
			return { kind, directory: volumeDirectory(mount.name), target, readOnly: mount.readOnly };
		case "bind":
			return { kind, source: mount.source, target, readOnly: mount.readOnly };
		case "tmpfs":
			return { kind, target, sizeBytes: mount.sizeBytes };
	}
}

/** Of a user namespace's own it is made with it; with network host the monitor is in the node's, and its init stays there. */
function netnsOf({ network }: CreateRequest["spec"], { firstId, netnsPath }: LaunchPlace): string | null {
	if (network === "host") return "/proc/self/ns/net";
	return firstId === null ? netnsPath : null;
}

function argumentsOf({ container, spec, image }: CreateRequest): readonly string[] {
	const args = spec.command ?? [...image.config.entrypoint, ...image.config.command];
	if (args.length > 0) return args;
	throw new SwarmError("usage", `Cannot create ${container}: image ${image.name} names no program, wanted a command`, {
		details: { container, image: image.name },
	});
}

export function hostnameOf(container: ContainerId): string {
	return container.slice(0, HOSTNAME_BYTES_MAX);
}

function filesOf(hostname: string, address: string | null, resolvConf: string): readonly LaunchFile[] {
	return [
		hostsFile(hostname, address),
		{ path: "/etc/hostname", content: `${hostname}\n` },
		{ path: "/etc/resolv.conf", content: resolvConf },
	];
}

export function hostsFile(hostname: string, address: string | null): LaunchFile {
	const own = address === null ? "" : `${address} ${hostname}\n`;
	return { path: "/etc/hosts", content: `127.0.0.1 localhost\n::1 localhost ip6-localhost\n${own}` };
}

/**
 * The host's resolv.conf(5) without name servers on loopback: in a container that is the container itself. `upstream` is what
 * systemd-resolved keeps beside its stub (/run/systemd/resolve/resolv.conf), null without it.
 */
export function resolvConfOf(host: string, upstream: string | null): string {
	const usable = withoutLoopback(host);
	if (/^nameserver/m.test(usable) || upstream === null) return usable;
	return withoutLoopback(upstream);
}

function withoutLoopback(text: string): string {
	return text
		.split("\n")
		.filter((line) => !/^nameserver\s+(127\.|::1)/.test(line))
		.join("\n");
}
