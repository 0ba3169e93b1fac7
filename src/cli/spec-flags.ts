// The flags of `swarm deploy` and how they become the fields of a spec. What is wrong with a value is said by the one door
// (node/spec); here only KEY=VALUE is taken apart.

import * as Flags from "@oclif/core/flags";
import { SwarmError } from "../errors.js";

export const specFlags = {
	image: Flags.string({
		summary: "Image: NAME[:TAG] as `swarm image ls` prints it (default: host, this machine's own programs).",
		helpValue: "IMAGE",
	}),
	cpus: Flags.string({ summary: "CPUs to reserve and limit to, such as 0.5 (default: none).", helpValue: "CPUS" }),
	memory: Flags.string({
		summary: "Memory to reserve and limit to, such as 256M or 1.5G (powers of 1024; default: none).",
		helpValue: "SIZE",
	}),
	pids: Flags.string({ summary: "Most processes and threads (default: no limit).", helpValue: "COUNT" }),
	env: many("Variable of the container's environment.", "KEY=VALUE", "e"),
	label: many("Label of the workload.", "KEY=VALUE", "l"),
	constraint: many(
		"What the node must have: label=value, label!=value or label. Built in: node, arch, kernel, gpu.",
		"CONSTRAINT",
	),
	publish: many("Port on the node and in the container, such as 8080:80 or 53:53/udp.", "PORT", "p"),
	replicas: Flags.string({ summary: "Containers to run, 1 to 1000 (default: 1).", helpValue: "COUNT" }),
	network: Flags.string({
		summary: "bridge: own address and outgoing NAT; none: loopback only (default: bridge).",
		helpValue: "NETWORK",
	}),
	user: Flags.string({ summary: "User inside: name, uid, name:group or uid:gid.", helpValue: "USER" }),
	workdir: Flags.string({ summary: "Working directory inside, absolute.", helpValue: "PATH" }),
	"stop-grace": Flags.string({
		summary: "Time between SIGTERM and SIGKILL, such as 10s or 500ms (default: 10s).",
		helpValue: "TIME",
	}),
	restart: Flags.string({
		summary:
			"What follows when it ends by itself: never, on-failure, on-failure:COUNT (restarts in a row) or always (default: never). Waits 1 s, then twice as long each time, up to 30 s.",
		helpValue: "POLICY",
	}),
};

function many(summary: string, helpValue: string, char?: "e" | "l" | "p") {
	const shared = { summary: `${summary} May be given several times.`, helpValue } as const;
	const options = { ...shared, multiple: true, multipleNonGreedy: true } as const;
	return char === undefined ? Flags.string(options) : Flags.string({ ...options, char });
}

export interface GivenSpecFlags {
	readonly image?: string | undefined;
	readonly cpus?: string | undefined;
	readonly memory?: string | undefined;
	readonly pids?: string | undefined;
	readonly env?: readonly string[] | undefined;
	readonly label?: readonly string[] | undefined;
	readonly constraint?: readonly string[] | undefined;
	readonly publish?: readonly string[] | undefined;
	readonly replicas?: string | undefined;
	readonly network?: string | undefined;
	readonly user?: string | undefined;
	readonly workdir?: string | undefined;
	readonly "stop-grace"?: string | undefined;
	readonly restart?: string | undefined;
}

/** Only the fields that were given, in the shape that validateSpec reads. */
export function fieldsFromFlags(flags: GivenSpecFlags): Readonly<Record<string, unknown>> {
	const resources = given({ cpus: numberOrText(flags.cpus), memory: flags.memory, pids: numberOrText(flags.pids) });
	return given({
		image: flags.image,
		env: flags.env && pairsOf("--env", flags.env),
		labels: flags.label && pairsOf("--label", flags.label),
		constraints: flags.constraint,
		ports: flags.publish,
		replicas: numberOrText(flags.replicas),
		network: flags.network,
		user: flags.user,
		workdir: flags.workdir,
		stopGrace: flags["stop-grace"],
		restart: flags.restart,
		resources: Object.keys(resources).length === 0 ? undefined : resources,
	});
}

function given(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
	return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** What is no number stays text, so that the door can show it as it was typed. */
function numberOrText(text: string | undefined): number | string | undefined {
	if (text === undefined) return undefined;
	return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}

export function pairsOf(flag: string, texts: readonly string[]): Readonly<Record<string, string>> {
	return Object.fromEntries(
		texts.map((text) => {
			const at = text.indexOf("=");
			if (at <= 0) throw new SwarmError("usage", `Cannot read ${flag}: it is "${text}", wanted KEY=VALUE`);
			return [text.slice(0, at), text.slice(at + 1)];
		}),
	);
}
