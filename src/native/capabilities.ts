// Linux capabilities by name, in the order of their numbers (linux/capability.h), and the five sets of a process
// (capabilities(7)) as the launch file carries them. Pure.

export const capabilityNames = [
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
] as const;

export type CapabilityName = (typeof capabilityNames)[number];

/**
 * Root gets the sets as they are, each less what the daemon itself lacks. Another user loses on execve what is not ambient; ambient
 * ones must be permitted and inheritable too.
 */
export interface CapabilitySets {
	readonly bounding: readonly CapabilityName[];
	readonly permitted: readonly CapabilityName[];
	readonly effective: readonly CapabilityName[];
	readonly inheritable: readonly CapabilityName[];
	readonly ambient: readonly CapabilityName[];
}

/** `NET_ADMIN`, `net_admin` and `CAP_NET_ADMIN` are the same; null for a name that is none. */
export function capabilityOf(text: string): CapabilityName | null {
	const upper = text.toUpperCase();
	const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
	return capabilityNames.find((known) => known === name) ?? null;
}

/** Bit n stands for capability number n. */
export function capabilityMask(names: readonly CapabilityName[]): bigint {
	return names.reduce((mask, name) => mask | (1n << BigInt(capabilityNames.indexOf(name))), 0n);
}
