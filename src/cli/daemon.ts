// Starting and ending the daemon from the command line, shared by `node start` and `node join`, `node stop` and
// `node leave`. The flags are the same for both starts; what is not given comes from the last start.

import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import * as Flags from "@oclif/core/flags";
import { systemClock } from "../clock.js";
import { SwarmError } from "../errors.js";
import { MESH_PORT_DEFAULT } from "../mesh/mesh.js";
import type { Client } from "../node/api/client.js";
import { connectLocal, stateDirectoryOf } from "../node/api/client.js";
import type { Ping } from "../node/api/contract.js";
import { completeConfig, type DaemonConfig, type GivenConfig } from "../node/config.js";
import { launchDaemon, type ReadyLine, type StartReport, startFailure } from "../node/launch-daemon.js";
import { pairsOf } from "./flag-values.js";
import { fields, oneLine } from "./print.js";

/** A daemon ends its mesh and its journal; longer than this means that it hangs. */
const END_MS_MAX = 20_000;
const LOOK_AGAIN_MS = 50;

export const daemonFlags = {
	name: Flags.string({
		summary: "Name of the node, unique in the cluster (default: the last one, else the host name).",
		helpValue: "NAME",
	}),
	listen: Flags.string({
		summary: `Address where peers connect, HOST[:PORT] (default: the last one, else 0.0.0.0:${MESH_PORT_DEFAULT}).`,
		helpValue: "ADDRESS",
	}),
	label: Flags.string({
		char: "l",
		summary: "Label for constraints (default: the last ones). May be given several times.",
		helpValue: "KEY=VALUE",
		multiple: true,
		multipleNonGreedy: true,
	}),
	witness: Flags.boolean({
		summary: "Vote and run nothing (default: as at the last start). A node that holds containers cannot become one.",
	}),
	foreground: Flags.boolean({
		summary: "Stay attached: the daemon's log goes to standard error, Ctrl-C ends it.",
		default: false,
	}),
};

export interface GivenDaemonFlags {
	readonly state?: string | undefined;
	readonly name?: string | undefined;
	readonly listen?: string | undefined;
	readonly label?: readonly string[] | undefined;
	readonly witness?: boolean | undefined;
	readonly foreground: boolean;
}

export interface StartOptions {
	readonly join: DaemonConfig["join"];
	/** The daemon's bundle. */
	readonly program: string;
	readonly signal: AbortSignal;
	readonly onReady: (report: StartReport) => void;
}

/** Starts the daemon and tells when it is usable; with --foreground resolves when it has ended, with its exit code. */
export async function startDaemon(flags: GivenDaemonFlags, options: StartOptions): Promise<number> {
	const stateDirectory = stateDirectoryOf(flags.state ?? null);
	await refuseSecond(connectLocal(stateDirectory), stateDirectory);
	const config = await completeConfig(configFrom(flags, stateDirectory, options.join));
	if (flags.foreground) return attach(config, options);
	options.onReady(await launchDaemon(config, options.program, options.signal));
	return 0;
}

function configFrom(flags: GivenDaemonFlags, stateDirectory: string, joining: DaemonConfig["join"]): GivenConfig {
	return {
		stateDirectory,
		join: joining,
		...(flags.name === undefined ? {} : { name: flags.name }),
		...(flags.listen === undefined ? {} : listenFrom(flags.listen)),
		...(flags.witness === undefined ? {} : { witness: flags.witness }),
		...(flags.label === undefined ? {} : { labels: pairsOf("--label", flags.label) }),
	};
}

function listenFrom(text: string): { readonly listenHost: string; readonly listenPort: number } {
	const match = /^(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{1,5}))?$/.exec(text);
	const host = match?.[1];
	if (host === undefined || host.split(".").some((part) => Number(part) > 255)) {
		throw new SwarmError(
			"usage",
			`Cannot start the node: --listen is "${text}", wanted an IPv4 address as HOST[:PORT]`,
		);
	}
	return { listenHost: host, listenPort: match?.[2] === undefined ? MESH_PORT_DEFAULT : Number(match[2]) };
}

async function refuseSecond(client: Client, stateDirectory: string): Promise<void> {
	const running = await pingOrNull(client);
	if (running === null) return;
	throw new SwarmError(
		"conflict",
		`Cannot start the node: ${running.name} already runs in ${stateDirectory} (pid ${running.pid}), stop it first with \`swarm node stop\` or give another --state`,
	);
}

async function pingOrNull(client: Client): Promise<Ping | null> {
	try {
		return await client.ping();
	} catch (thrown) {
		if (thrown instanceof SwarmError && thrown.code === "unreachable") return null;
		throw thrown;
	}
}

/** The daemon as a child that shares the terminal: its configuration and its word go the same ways as in the background. */
async function attach(config: DaemonConfig, options: StartOptions): Promise<number> {
	const made = (await mkdir(config.stateDirectory, { recursive: true, mode: 0o700 })) ?? null;
	const child = spawn(process.execPath, ["--enable-source-maps", options.program], {
		stdio: ["pipe", "inherit", "inherit", "pipe"],
	});
	const pass = (signal: NodeJS.Signals) => child.kill(signal);
	for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, pass);
	const ended = new Promise<number>((resolve, reject) => {
		child.once("error", reject);
		child.once("exit", (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
	});
	child.stdin?.end(JSON.stringify(config));
	for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
		const word = JSON.parse(line) as ReadyLine;
		if ("error" in word) {
			await ended;
			throw await startFailure(SwarmError.fromJSON(word.error), made);
		}
		options.onReady(word.ready);
	}
	return ended;
}

export function startInWords(report: StartReport): string {
	const { ping, join: line } = report;
	const lines = fields([
		["node", ping.name],
		["id", ping.node],
		["cluster", ping.cluster],
		["state", ping.stateDirectory],
		["pid", String(ping.pid)],
	]);
	if (line === null) return `${lines}\nJoin another machine with the line of \`swarm token create\`\n`;
	return `${lines}\nJoin another machine with\n  ${oneLine(line.command)}\n`;
}

/** `<root>/dist/node/main.js`, where root is the package. */
export function daemonProgramIn(root: string): string {
	return join(root, "dist", "node", "main.js");
}

/** Asks the daemon to end and waits until its process is gone, so that the next start finds everything free. */
export async function endDaemon(client: Client, ask: () => Promise<void>): Promise<Ping> {
	const ping = await client.ping();
	await ask();
	const endMs = systemClock.monotonicMs() + END_MS_MAX;
	while (isAlive(ping.pid)) {
		if (systemClock.monotonicMs() > endMs) {
			throw new SwarmError(
				"timeout",
				`Cannot stop ${ping.name}: its daemon (pid ${ping.pid}) is still there after ${END_MS_MAX / 1000} s, see ${ping.stateDirectory}/daemon.log`,
			);
		}
		await systemClock.sleep(LOOK_AGAIN_MS, new AbortController().signal);
	}
	return ping;
}

function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (thrown) {
		return (thrown as NodeJS.ErrnoException).code === "EPERM";
	}
}
