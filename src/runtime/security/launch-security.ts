// From what a spec says about security to what monitor and init are told. Pure.

import type { SeccompProfile, Spec } from "../../model.js";
import type { LaunchDevice, LaunchSecurity } from "../../native/launch.js";
import { bindsOf } from "../volumes/binds.js";
import { capabilitySetsOf } from "./capabilities.js";
import { levels } from "./levels.js";
import { sysctlPath } from "./sysctls.js";

/** What this machine adds. */
export interface SecurityPlace {
	/** The file of a compiled profile. */
	readonly programOf: (profile: SeccompProfile) => string;
	/** Of `spec.security.devices`, as they are on this node. */
	readonly devices: readonly LaunchDevice[];
	/** Of the range that is the container's; null: it has no user namespace. */
	readonly firstId: number | null;
}

export function launchSecurityOf(spec: Pick<Spec, "isolation" | "security">, place: SecurityPlace): LaunchSecurity {
	const { security } = spec;
	const level = levels[spec.isolation];
	const profile = seccompProfileOf(spec);
	return {
		capabilities: capabilitySetsOf(level.capabilities, security.capabilities),
		readOnlyRoot: security.readOnlyRoot ?? level.readOnlyRoot,
		maskedPaths: level.maskedPaths,
		readOnlyPaths: level.readOnlyPaths,
		sysctls: Object.fromEntries(
			Object.entries(security.sysctls).flatMap(([name, value]) => {
				const path = sysctlPath(name);
				return path === null ? [] : [[path, value]];
			}),
		),
		oomScoreAdj: security.oomScoreAdj,
		seccompProgram: profile === null ? null : place.programOf(profile),
		firstId: place.firstId,
		devices: level.everyDevice ? "all" : place.devices,
	};
}

/** null: unconfined. */
export function seccompProfileOf(spec: Pick<Spec, "isolation" | "security">): SeccompProfile | null {
	const { seccomp } = spec.security;
	if (seccomp === "unconfined") return null;
	return seccomp === "default" ? levels[spec.isolation].seccomp : seccomp;
}

/** What keeps a workload on its node, each as a part of a sentence ("it …"). Empty for one that can be moved. */
export function tiesOf(
	spec: Pick<Spec, "isolation" | "security" | "terminal" | "stdin" | "volumes">,
): readonly string[] {
	const { isolation, security, terminal, stdin, volumes } = spec;
	const devices = security.devices.map(({ path }) => path).join(", ");
	const binds = bindsOf(volumes).filter(({ shared }) => !shared);
	return [
		...(isolation === "minimal" ? ["runs with isolation minimal, on the network and the files of its node"] : []),
		...binds.map(({ source }) => `shows ${source} of its node, which is not declared :shared`),
		...(devices === "" ? [] : [`uses devices of its node (${devices})`]),
		...(terminal ? ["has a terminal, whose other end is with its monitor on this node"] : []),
		...(stdin && !terminal ? ["has an open standard input, which is with its monitor on this node"] : []),
	];
}

/** Whether it has the devices of every container and no others. */
export function hasUsualDevices({ isolation, security }: Pick<Spec, "isolation" | "security">): boolean {
	return !levels[isolation].everyDevice && security.devices.length === 0;
}

/** Whether it can be one that stood ready: those have a network namespace of their own and the usual devices. */
export function canStand(spec: Pick<Spec, "isolation" | "security" | "network">): boolean {
	return spec.network !== "host" && hasUsualDevices(spec);
}
