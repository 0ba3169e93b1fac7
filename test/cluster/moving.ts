// A move during which something happens: types `swarm migrate` and acts when it tells of a certain step.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect } from "vitest";
import { labCommand } from "../../src/node/lab/lab.js";
import type { Cluster, Ran } from "./cluster.js";

/** As the command prints them, in order. */
export const moveSteps = ["verdict", "image", "dump", "transfer", "restore", "handover", "release", "done"] as const;
export type MoveStep = (typeof moveSteps)[number];

export interface MoveAndAct {
	/** Where the command is typed. */
	readonly on: string;
	readonly to: string;
	readonly step: MoveStep;
	readonly act: () => Promise<void>;
}

/** Resolves when the command has ended and `act` is done; fails when the step never came. */
export async function moveAndAct(cluster: Cluster, { on, to, step, act }: MoveAndAct): Promise<Ran> {
	const { file, args, env } = await labCommand(cluster.name, on, ["swarm", "migrate", "counter", "--to", to]);
	const child = spawn(file, args, { env, stdio: ["ignore", "ignore", "pipe"] });
	const said: string[] = [];
	let acting: Promise<void> | null = null;
	createInterface({ input: child.stderr }).on("line", (line) => {
		said.push(line);
		if (line.startsWith(`${step}:`)) acting ??= act();
	});
	const [code] = (await once(child, "close")) as [number | null];
	const stderr = said.join("\n");
	expect(stderr).toContain(`${step}:`);
	await acting;
	return { stdout: "", stderr, exitCode: code ?? -1 };
}
