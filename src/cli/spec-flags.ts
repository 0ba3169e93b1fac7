// The flags of `swarm deploy` and how they become the fields of a spec. What is wrong with a value is said by the one door
// (node/spec); here only KEY=VALUE is taken apart.

import * as Flags from "@oclif/core/flags";
import { given, many, numberOrText, pairsOf, unlessEmpty } from "./flag-values.js";
import { type GivenSecurityFlags, securityFlags, securityFromFlags } from "./security-flags.js";

/** What can be changed while it runs (`swarm update`). */
export const resourceFlags = {
	cpus: Flags.string({ summary: "CPUs to reserve and limit to, such as 0.5 (default: none).", helpValue: "CPUS" }),
	memory: Flags.string({
		summary: "Memory to reserve and limit to, such as 256M or 1.5G (powers of 1024; default: none).",
		helpValue: "SIZE",
	}),
	pids: Flags.string({ summary: "Most processes and threads (default: no limit).", helpValue: "COUNT" }),
	"cpu-weight": Flags.string({
		summary: "Share of the CPU when more is wanted than there is, 1 to 10000 (default: 100 for each CPU asked for).",
		helpValue: "WEIGHT",
	}),
	"cpu-mode": Flags.string({
		summary:
			"Adapt its quota to who waits for a CPU: low-latency, default or batch keep 50-100, 10-100, 10-50 % (default: off).",
		helpValue: "MODE",
	}),
	"cpuset-cpus": Flags.string({ summary: "CPUs that it may use, such as 0-3,8 (default: all).", helpValue: "LIST" }),
	"cpuset-mems": Flags.string({ summary: "NUMA nodes whose memory it may use (default: all).", helpValue: "LIST" }),
	"memory-high": Flags.string({
		summary:
			"Memory from which on it is slowed down and reclaimed from, before --memory kills (cgroup v2; default: none).",
		helpValue: "SIZE",
	}),
	swap: Flags.string({ summary: "Swap besides --memory (default: none).", helpValue: "SIZE" }),
	io: many(
		"Rates of a disk: DEVICE,read=10M,write=5M,read-ops=100,write-ops=50 (bytes and operations a second); DEVICE is /dev/…, 8:0 or a path on it.",
		"LIMIT",
	),
	egress: Flags.string({
		summary: "What it may send over the network in a second, such as 10M (bytes; default: no limit).",
		helpValue: "SIZE",
	}),
	ingress: Flags.string({
		summary: "What it may get over the network in a second, such as 10M (bytes; default: no limit).",
		helpValue: "SIZE",
	}),
	hugepages: many("Huge pages of one size, such as 2MB=64M.", "LIMIT"),
};

export const specFlags = {
	image: Flags.string({
		summary: "Image: NAME[:TAG] as `swarm image ls` prints it (default: host, this machine's own programs).",
		helpValue: "IMAGE",
	}),
	...resourceFlags,
	env: many("Variable of the container's environment.", "KEY=VALUE", "e"),
	label: many("Label of the workload.", "KEY=VALUE", "l"),
	constraint: many(
		"What the node must have: label=value, label!=value or label. Built in: node, arch, kernel, gpu.",
		"CONSTRAINT",
	),
	publish: many("Port on the node and in the container, such as 8080:80 or 53:53/udp.", "PORT", "p"),
	volume: many(
		"What it sees besides its image: VOLUME:/path[:ro] (made on first use, outlives it) or /path/of/the/node:/path[:ro][:shared] (shared: the same files on every node, so that it can move).",
		"MOUNT",
		"v",
	),
	tmpfs: many("Memory as a directory, such as /run or /run:size=16M (default: 64M).", "PATH"),
	replicas: Flags.string({ summary: "Containers to run, 1 to 1000 (default: 1).", helpValue: "COUNT" }),
	network: Flags.string({
		summary: "bridge: own address and outgoing NAT; none: loopback only (default: bridge).",
		helpValue: "NETWORK",
	}),
	user: Flags.string({ summary: "User inside: name, uid, name:group or uid:gid.", helpValue: "USER" }),
	workdir: Flags.string({ summary: "Working directory inside, absolute.", helpValue: "PATH" }),
	interactive: Flags.boolean({
		char: "i",
		summary: "Keep its standard input open for `swarm attach` (default: it is empty). It then stays on its node.",
	}),
	tty: Flags.boolean({
		char: "t",
		summary: "Give it a terminal of its own, for `swarm attach`. It then stays on its node.",
	}),
	"stop-grace": Flags.string({
		summary: "Time between SIGTERM and SIGKILL, such as 10s or 500ms (default: 10s).",
		helpValue: "TIME",
	}),
	pool: Flags.string({
		summary: "Created containers that every node that may run it keeps ready for the next start, 0 to 64 (default: 0).",
		helpValue: "COUNT",
	}),
	policy: Flags.string({
		summary:
			"What a split of the cluster may do: available (each side may run a copy) or exclusive (runs only while a majority of the nodes agrees, never twice). Default: exclusive with a named volume, else available.",
		helpValue: "POLICY",
	}),
	restart: Flags.string({
		summary:
			"What follows when it ends by itself: never, on-failure, on-failure:COUNT (restarts in a row) or always (default: never). Waits 1 s, then twice as long each time, up to 30 s.",
		helpValue: "POLICY",
	}),
	...securityFlags,
	"log-size": Flags.string({
		summary: "What the log files of a container may take together, 1M to 64G; the oldest lines go (default: 64M).",
		helpValue: "SIZE",
	}),
	"health-command": Flags.string({
		summary: "Health check: a shell command in the container (/bin/sh -c), healthy with exit code 0.",
		helpValue: "COMMAND",
		exclusive: ["health-http", "health-tcp"],
	}),
	"health-http": Flags.string({
		summary: "Health check: GET of a port and path of the container, healthy with status 200 to 399.",
		helpValue: "PORT/PATH",
		exclusive: ["health-command", "health-tcp"],
	}),
	"health-tcp": Flags.string({
		summary: "Health check: a port of the container that takes connections.",
		helpValue: "PORT",
		exclusive: ["health-command", "health-http"],
	}),
	"health-interval": Flags.string({ summary: "Time between two checks (default: 10s).", helpValue: "TIME" }),
	"health-timeout": Flags.string({ summary: "A check that takes longer has failed (default: 5s).", helpValue: "TIME" }),
	"health-retries": Flags.string({
		summary: "Failures in a row that make it unhealthy: its restart policy then starts it again (default: 3).",
		helpValue: "COUNT",
	}),
	"health-start-period": Flags.string({
		summary: "Time after the start in which failures do not count (default: 0s).",
		helpValue: "TIME",
	}),
};

export interface GivenResourceFlags {
	readonly cpus?: string | undefined;
	readonly memory?: string | undefined;
	readonly pids?: string | undefined;
	readonly "cpu-weight"?: string | undefined;
	readonly "cpu-mode"?: string | undefined;
	readonly "cpuset-cpus"?: string | undefined;
	readonly "cpuset-mems"?: string | undefined;
	readonly "memory-high"?: string | undefined;
	readonly swap?: string | undefined;
	readonly io?: readonly string[] | undefined;
	readonly hugepages?: readonly string[] | undefined;
	readonly egress?: string | undefined;
	readonly ingress?: string | undefined;
}

export interface GivenSpecFlags extends GivenResourceFlags, GivenSecurityFlags {
	readonly image?: string | undefined;
	readonly env?: readonly string[] | undefined;
	readonly label?: readonly string[] | undefined;
	readonly constraint?: readonly string[] | undefined;
	readonly publish?: readonly string[] | undefined;
	readonly volume?: readonly string[] | undefined;
	readonly tmpfs?: readonly string[] | undefined;
	readonly replicas?: string | undefined;
	readonly network?: string | undefined;
	readonly user?: string | undefined;
	readonly workdir?: string | undefined;
	readonly interactive?: boolean | undefined;
	readonly tty?: boolean | undefined;
	readonly "stop-grace"?: string | undefined;
	readonly pool?: string | undefined;
	readonly policy?: string | undefined;
	readonly restart?: string | undefined;
	readonly "log-size"?: string | undefined;
	readonly "health-command"?: string | undefined;
	readonly "health-http"?: string | undefined;
	readonly "health-tcp"?: string | undefined;
	readonly "health-interval"?: string | undefined;
	readonly "health-timeout"?: string | undefined;
	readonly "health-retries"?: string | undefined;
	readonly "health-start-period"?: string | undefined;
}

/** Only the fields that were given, in the shape that validateSpec reads. */
export function fieldsFromFlags(flags: GivenSpecFlags): Readonly<Record<string, unknown>> {
	const resources = resourcesFromFlags(flags);
	return given({
		image: flags.image,
		env: flags.env && pairsOf("--env", flags.env),
		labels: flags.label && pairsOf("--label", flags.label),
		constraints: flags.constraint,
		ports: flags.publish,
		volumes: flags.volume,
		tmpfs: flags.tmpfs,
		replicas: numberOrText(flags.replicas),
		network: flags.network,
		user: flags.user,
		workdir: flags.workdir,
		stdin: flags.interactive,
		terminal: flags.tty,
		stopGrace: flags["stop-grace"],
		pool: numberOrText(flags.pool),
		policy: flags.policy,
		restart: flags.restart,
		logSize: flags["log-size"],
		health: unlessEmpty(healthFrom(flags)),
		resources: unlessEmpty(resources),
		isolation: flags.isolation,
		security: unlessEmpty(securityFromFlags(flags)),
	});
}

/** Only what was given, in the shape that a spec's `resources` has. */
export function resourcesFromFlags(flags: GivenResourceFlags): Readonly<Record<string, unknown>> {
	return given({
		cpus: numberOrText(flags.cpus),
		memory: flags.memory,
		pids: numberOrText(flags.pids),
		cpuWeight: numberOrText(flags["cpu-weight"]),
		cpuMode: flags["cpu-mode"],
		cpusetCpus: flags["cpuset-cpus"],
		cpusetMems: flags["cpuset-mems"],
		memoryHigh: flags["memory-high"],
		swap: flags.swap,
		io: flags.io,
		hugepages: flags.hugepages,
		egress: flags.egress,
		ingress: flags.ingress,
	});
}

function healthFrom(flags: GivenSpecFlags): Readonly<Record<string, unknown>> {
	const command = flags["health-command"];
	return given({
		command: command === undefined ? undefined : ["/bin/sh", "-c", command],
		http: flags["health-http"],
		tcp: flags["health-tcp"],
		interval: flags["health-interval"],
		timeout: flags["health-timeout"],
		retries: numberOrText(flags["health-retries"]),
		startPeriod: flags["health-start-period"],
	});
}
