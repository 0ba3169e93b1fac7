// What doctor knows about a machine before it judges: plain facts, read elsewhere (read-facts.ts). This file does nothing.

import type { HardwareProfile } from "../../model.js";

/** Names that swarm-probe prints (src/native/probe/probe.c). */
export const probeNames = [
	"namespace-mnt",
	"namespace-pid",
	"namespace-uts",
	"namespace-ipc",
	"namespace-net",
	"namespace-cgroup",
	"namespace-user",
	"namespace-time",
	"overlayfs",
	"seccomp",
	"bpf-cgroup-device",
	"veth",
	"bridge",
	"token-bucket",
	"io-uring",
	"userfaultfd",
	"userfaultfd-wp-async",
	"soft-dirty",
	"pagemap-scan",
] as const;
export type ProbeName = (typeof probeNames)[number];

/** 0: the kernel did it; an errno: it refused; null: nobody could ask. */
export type ProbeResult = number | null;

export interface CgroupFacts {
	/** `hybrid`: a v2 tree beside v1 hierarchies. */
	readonly mode: "v2" | "hybrid" | "v1" | "none";
	/** Mount point of the v2 tree; null without one. */
	readonly unified: string | null;
	/** Where each controller is: `v2`, or the v1 mount point. */
	readonly controllers: Readonly<Record<string, string>>;
	/** Whether cgroups of the v2 tree have cgroup.freeze; null when there is none to look at. */
	readonly freeze: boolean | null;
}

/** How one program answered. */
export interface CommandFacts {
	readonly ok: boolean;
	/** Last line it wrote, at most 200 characters. */
	readonly said: string;
}

export interface CriuFacts {
	/** /var/lib/stratoswarm/criu/current, which scripts/criu.sh writes; null: none was found to work. */
	readonly argv: readonly string[] | null;
	readonly version: string | null;
	/** Kernel release it was tried on. */
	readonly kernel: string | null;
	/** `criu check`; null when there is none to ask. */
	readonly check: CommandFacts | null;
	/** Why there is none, from scripts/criu.sh; null when it did not say. */
	readonly problem: string | null;
}

export interface MachineFacts {
	readonly kernel: string;
	readonly uid: number;
	/** Effective capabilities, bit by bit (capabilities(7)). */
	readonly capabilities: bigint;
	readonly cgroup: CgroupFacts;
	readonly probes: Readonly<Record<ProbeName, ProbeResult>>;
	/** Making all of a container with a user namespace but its processes; null: nobody could ask. */
	readonly userNamespaces: CommandFacts | null;
	/** A NAT chain in the `ip` family, made in a network namespace of its own. */
	readonly nft: CommandFacts;
	readonly pressure: boolean;
	readonly criu: CriuFacts;
	readonly nodeVersion: string;
	/** Native files that are not built. */
	readonly nativeMissing: readonly string[];
	readonly hardware: HardwareProfile;
}
