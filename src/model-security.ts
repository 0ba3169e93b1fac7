// Part of model.ts, which gives it on: what a workload may do. Imports nothing and decides nothing.

export type Isolation = "minimal" | "standard" | "strict";

/** What a container may do, where it differs from the usual (`standardSecurity`). */
export interface Security {
	/** By their kernel names, `CAP_NET_ADMIN`; `ALL` is every one. What the node's daemon lacks itself is left out, with a line in its log. */
	readonly capabilities: CapabilityChoice;
	/** The root is read-only; /dev, /dev/shm and what the runtime puts there stay writable. null: as the isolation says. */
	readonly readOnlyRoot: boolean | null;
	readonly rlimits: readonly ResourceLimit[];
	/** Kernel parameters of the container's own namespaces: `net.*`, System V IPC and POSIX message queues (runtime/security/sysctls.ts). */
	readonly sysctls: Readonly<Record<string, string>>;
	/**
	 * The container's root is nobody outside: its ids are a range of the node's that no other container has, and its capabilities hold
	 * for what its own user namespace owns alone. true: it must have one; false: its root is the node's; null: where the node can (Linux
	 * 6.13), and not with isolation minimal. It moves as any other, to nodes that can too.
	 */
	readonly userNamespace: boolean | null;
	/** −1000 (never) to 1000 (first) when memory runs out; null: the daemon's own. */
	readonly oomScoreAdj: number | null;
	/** Beside those that every container has (null, zero, full, random, urandom, tty, terminals). Such a workload stays on its node. */
	readonly devices: readonly DeviceAccess[];
	/** Which system calls it may make: `default` is what the isolation says, `unconfined` all of them, else a profile of its own. */
	readonly seccomp: "default" | "unconfined" | SeccompProfile;
}

export interface DeviceAccess {
	/** Of the node, below /dev; under the same name inside. Number and kind are looked up when the container is made. */
	readonly path: string;
	/** `r` read, `w` write, `m` make the node: in this order, one of them at least. */
	readonly access: string;
}

/** As the OCI runtime spec has it (config-linux.md, "Seccomp"), without what needs a listener. Compiled by runtime/seccomp. */
export interface SeccompProfile {
	readonly defaultAction: SeccompAction;
	readonly defaultErrnoRet?: number;
	/** Calls of other architectures than the node's own never pass, whatever this says. */
	readonly architectures?: readonly string[];
	readonly syscalls: readonly SeccompRule[];
}

export type SeccompAction =
	| "SCMP_ACT_KILL"
	| "SCMP_ACT_KILL_THREAD"
	| "SCMP_ACT_KILL_PROCESS"
	| "SCMP_ACT_TRAP"
	| "SCMP_ACT_ERRNO"
	| "SCMP_ACT_TRACE"
	| "SCMP_ACT_LOG"
	| "SCMP_ACT_ALLOW";

export interface SeccompRule {
	readonly names: readonly string[];
	readonly action: SeccompAction;
	/** Of ERRNO and TRACE; EPERM when absent. */
	readonly errnoRet?: number;
	/** All of them must hold. */
	readonly args?: readonly SeccompArgument[];
}

/** 64 bits without sign: a number up to 2^53 - 1, or text, decimal or with 0x. */
export interface SeccompArgument {
	/** 0 to 5. */
	readonly index: number;
	readonly value: number | string;
	/** MASKED_EQ: (argument & value) == valueTwo. */
	readonly valueTwo?: number | string;
	readonly op:
		| "SCMP_CMP_NE"
		| "SCMP_CMP_LT"
		| "SCMP_CMP_LE"
		| "SCMP_CMP_EQ"
		| "SCMP_CMP_GE"
		| "SCMP_CMP_GT"
		| "SCMP_CMP_MASKED_EQ";
}

/** Dropped after adding. `ambient` are kept by a user that is not root, and are added too. */
export interface CapabilityChoice {
	readonly add: readonly string[];
	readonly drop: readonly string[];
	readonly ambient: readonly string[];
}

/** getrlimit(2); null: unlimited. A hard limit above the daemon's own needs CAP_SYS_RESOURCE and is lowered without. */
export interface ResourceLimit {
	/** `nofile`, `nproc`, `core`, … */
	readonly name: string;
	readonly soft: number | null;
	readonly hard: number | null;
}

export const standardSecurity: Security = {
	capabilities: { add: [], drop: [], ambient: [] },
	readOnlyRoot: null,
	rlimits: [],
	sysctls: {},
	userNamespace: null,
	oomScoreAdj: null,
	devices: [],
	seccomp: "default",
};
