// The flags of `swarm deploy` about what a workload may do, and how they become the `security` part of a spec.

import { readFileSync } from "node:fs";
import * as Flags from "@oclif/core/flags";
import { SwarmError } from "../errors.js";
import { given, many, numberOrText, pairsOf, unlessEmpty } from "./flag-values.js";

export const securityFlags = {
	"cap-add": many("Capability beside the usual ones, such as NET_ADMIN, or ALL.", "NAME"),
	"cap-drop": many("Capability to take away, or ALL.", "NAME"),
	"cap-ambient": many("Capability that a user other than root keeps, such as NET_BIND_SERVICE.", "NAME"),
	isolation: Flags.string({
		summary:
			"minimal (development: this node's network, files and devices), standard, or strict (read-only, loopback only, fewer system calls; default: standard).",
		helpValue: "LEVEL",
	}),
	"read-only": Flags.boolean({ summary: "Show the root read-only; /dev/shm stays writable.", allowNo: true }),
	userns: Flags.boolean({
		summary:
			"Insist on a user namespace, in which its root is nobody of the node, or go without (default: where the node can, not with isolation minimal).",
		allowNo: true,
	}),
	device: many("Device of the node that it may use too, such as /dev/fuse or /dev/fuse:rw (default: rwm).", "PATH"),
	rlimit: many("Resource limit, such as nofile=1024 or nofile=1024:4096 (soft:hard; unlimited).", "NAME=LIMIT"),
	sysctl: many("Kernel parameter of the container's own namespaces, such as net.ipv4.ip_forward=1.", "NAME=VALUE"),
	"oom-score-adj": Flags.string({
		summary: "How soon to end it when memory runs out, -1000 (never) to 1000 (first; default: as the daemon).",
		helpValue: "SCORE",
	}),
	seccomp: Flags.string({
		summary: "System calls: default, unconfined, or a file with a profile of the OCI runtime spec (JSON).",
		helpValue: "PROFILE",
	}),
};

export interface GivenSecurityFlags {
	readonly "cap-add"?: readonly string[] | undefined;
	readonly "cap-drop"?: readonly string[] | undefined;
	readonly "cap-ambient"?: readonly string[] | undefined;
	readonly isolation?: string | undefined;
	readonly userns?: boolean | undefined;
	readonly device?: readonly string[] | undefined;
	readonly "read-only"?: boolean | undefined;
	readonly rlimit?: readonly string[] | undefined;
	readonly sysctl?: readonly string[] | undefined;
	readonly "oom-score-adj"?: string | undefined;
	readonly seccomp?: string | undefined;
}

/** Only what was given. Reads the file of a seccomp profile. */
export function securityFromFlags(flags: GivenSecurityFlags): Readonly<Record<string, unknown>> {
	const capabilities = given({ add: flags["cap-add"], drop: flags["cap-drop"], ambient: flags["cap-ambient"] });
	return given({
		capabilities: unlessEmpty(capabilities),
		readOnlyRoot: flags["read-only"],
		devices: flags.device,
		userNamespace: flags.userns,
		rlimits: flags.rlimit && rlimitsFrom(flags.rlimit),
		sysctls: flags.sysctl && pairsOf("--sysctl", flags.sysctl),
		oomScoreAdj: numberOrText(flags["oom-score-adj"]),
		seccomp: flags.seccomp && seccompFrom(flags.seccomp),
	});
}

function rlimitsFrom(texts: readonly string[]): Readonly<Record<string, unknown>> {
	return Object.fromEntries(
		Object.entries(pairsOf("--rlimit", texts)).map(([name, value]) => {
			const [soft = "", hard = soft] = value.split(":");
			return [name, { soft: numberOrText(soft), hard: numberOrText(hard) }];
		}),
	);
}

function seccompFrom(text: string): unknown {
	if (text === "default" || text === "unconfined") return text;
	try {
		return JSON.parse(readFileSync(text, "utf8"));
	} catch (thrown) {
		const reason =
			(thrown as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : (thrown as Error).message;
		throw new SwarmError(
			"usage",
			`Cannot read the seccomp profile ${text}: ${reason}, wanted default, unconfined or a JSON file`,
			{
				cause: thrown,
			},
		);
	}
}
