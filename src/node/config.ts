// How a daemon is told what to be: one JSON value, from the command line at the first start, from `<state>/config.json` later.

import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { SwarmError } from "../errors.js";
import { MESH_PORT_DEFAULT } from "../mesh/mesh.js";

const NAME_PATTERN = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export interface DaemonConfig {
	readonly stateDirectory: string;
	/** Unique in the cluster, as a host name. */
	readonly name: string;
	/** Where peers connect: an IPv4 address of this machine, or 0.0.0.0 for all. */
	readonly listenHost: string;
	readonly listenPort: number;
	readonly labels: Readonly<Record<string, string>>;
	/** Votes and runs nothing. Once a witness, a node stays one until it leaves. */
	readonly witness: boolean;
	/** Only at the first start of a node that joins: never kept. */
	readonly join: { readonly addresses: readonly string[]; readonly token: string } | null;
}

/** What was given on the command line; absent parts come from the last start, then from the defaults. */
export type GivenConfig = Pick<DaemonConfig, "stateDirectory" | "join"> &
	Partial<Pick<DaemonConfig, "name" | "listenHost" | "listenPort" | "labels" | "witness">>;

/** Code `usage` names the field that is wrong. */
export async function completeConfig(given: GivenConfig): Promise<DaemonConfig> {
	const kept = await keptConfig(given.stateDirectory);
	const config: DaemonConfig = {
		stateDirectory: given.stateDirectory,
		name: given.name ?? kept?.name ?? hostname().split(".")[0]?.toLowerCase() ?? "node",
		listenHost: given.listenHost ?? kept?.listenHost ?? "0.0.0.0",
		listenPort: given.listenPort ?? kept?.listenPort ?? MESH_PORT_DEFAULT,
		labels: given.labels ?? kept?.labels ?? {},
		witness: given.witness ?? kept?.witness ?? false,
		join: given.join,
	};
	if (!NAME_PATTERN.test(config.name))
		throw new SwarmError(
			"usage",
			`Cannot start the node: name is "${config.name}", wanted 1 to 63 of a-z, 0-9 and -, give one with --name`,
		);
	if (!Number.isInteger(config.listenPort) || config.listenPort < 1 || config.listenPort > 65_535)
		throw new SwarmError("usage", `Cannot start the node: port is ${config.listenPort}, wanted 1 to 65535`);
	return config;
}

export function configFile(stateDirectory: string): string {
	return join(stateDirectory, "config.json");
}

async function keptConfig(stateDirectory: string): Promise<Partial<DaemonConfig> | null> {
	try {
		return JSON.parse(await readFile(configFile(stateDirectory), "utf8")) as Partial<DaemonConfig>;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
		throw new SwarmError(
			"corrupt",
			`Cannot start the node: ${configFile(stateDirectory)} cannot be read, remove it and give the flags again`,
			{ cause: error },
		);
	}
}
