// create and run: from a bundle to a container that waits for its start, or has run to its end.

import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { SwarmError } from "../errors.js";
import type { SeccompProfile } from "../model.js";
import { type Arguments, isGiven, optionOf, usage } from "./arguments.js";
import { cgroupsOf, readCgroupTrees } from "./cgroup-trees.js";
import { applyResources, makeCgroups, removeCgroups, versionOf } from "./cgroups.js";
import type { Context } from "./commands/command.js";
import {
	type ContainerPlace,
	type ContainerPlan,
	cgroupsPathOf,
	planContainer,
	rootField,
} from "./config/container-plan.js";
import type { Field } from "./config/fields.js";
import { type Entry, encodePlan } from "./config/plan.js";
import type { ProcessPlace } from "./config/process.js";
import { runProgram } from "./program.js";
import { type ContainerRecord, checkId, claim, forget, putRecord, type StoredContainer } from "./store.js";

const PRESERVED_MAX = 1024;
/** No container id begins so. */
const SECCOMP_DIRECTORY = ".seccomp";

export interface Creation extends StoredContainer {
	/** Exit code of a container that ran to its end; 0 of one that was created. */
	readonly code: number;
}

/** Throws with nothing left behind. `run` stays until the container has ended. */
export async function createContainer(action: "create" | "run", given: Arguments, context: Context): Promise<Creation> {
	const id = checkId(given.positional[0] ?? "");
	if (process.getuid?.() !== 0)
		throw new SwarmError("unsupported", `Cannot ${action} ${id}: only root may make containers here`);
	const bundle = resolve(optionOf(given, "bundle") ?? ".");
	const { text, config } = readConfig(bundle);
	const trees = readCgroupTrees();
	const cgroups = cgroupsOf(trees, cgroupsPathOf(config), id);
	const place = { ...processPlaceOf(given), id, bundle, trees, cgroups, noPivot: isGiven(given, "no-pivot") };
	const plan = planContainer(config, { ...place, seccompProgram: await programsIn(context.root) });
	if (action === "create") checkTerminal(plan.terminal, place);
	const writes = plan.resources(versionOf(trees));
	const directory = claim(context.root, id);
	try {
		writeFileSync(join(directory, "config.json"), text, { mode: 0o600 });
		writeFileSync(join(directory, "plan"), encodePlan([...withRealRoot(plan), ...pidFileEntry(given)]), {
			mode: 0o600,
		});
		const record = recordOf(plan, place);
		putRecord(directory, record);
		makeCgroups(trees, cgroups);
		applyResources(trees, cgroups, writes);
		for (const warning of plan.warnings) context.warn(warning);
		const { preserveFds } = place;
		const end = await runProgram({ action, directory, preserveFds, passesSignals: action === "run" });
		for (const warning of end.warnings) context.warn(warning);
		if (end.failure !== null) throw new SwarmError("failed", `Cannot ${action} ${id}: ${end.failure}`);
		return { directory, record, code: end.code };
	} catch (thrown) {
		await removeCgroups(cgroups);
		forget(directory);
		throw thrown;
	}
}

/** Compiled once for each profile, and kept beside the containers. Loaded when it is asked for: most calls need no hashes. */
export async function programsIn(root: string): Promise<(profile: SeccompProfile) => string> {
	const { openSeccompPrograms } = await import("../runtime/seccomp/programs.js");
	const programs = openSeccompPrograms(join(root, SECCOMP_DIRECTORY));
	return (profile) => programs.pathOf(profile);
}

function readConfig(bundle: string): { readonly text: string; readonly config: Field } {
	const path = join(bundle, "config.json");
	try {
		const text = readFileSync(path, "utf8");
		return { text, config: rootField(JSON.parse(text)) };
	} catch (thrown) {
		if (thrown instanceof SwarmError) throw thrown;
		throw new SwarmError("usage", `Cannot read the bundle: ${path}: ${(thrown as Error).message}`, { cause: thrown });
	}
}

export function processPlaceOf(given: Arguments): ProcessPlace {
	const consoleSocket = optionOf(given, "console-socket");
	// systemd's way of handing on sockets (sd_listen_fds(3)), as runc and crun do.
	const listening = Number(process.env.LISTEN_FDS ?? 0);
	const preserveFds = Number(optionOf(given, "preserve-fds") ?? 0) + (Number.isInteger(listening) ? listening : 0);
	if (!Number.isInteger(preserveFds) || preserveFds < 0 || preserveFds > PRESERVED_MAX)
		throw usage(`--preserve-fds is ${optionOf(given, "preserve-fds")}, wanted a number from 0 to ${PRESERVED_MAX}`);
	return {
		consoleSocket: consoleSocket === null ? null : resolve(consoleSocket),
		preserveFds,
		keepsKeyring: isGiven(given, "no-new-keyring"),
	};
}

/** A detached process has nobody else to give its terminal to. */
export function checkTerminal(terminal: boolean, { consoleSocket }: ProcessPlace): void {
	if (terminal && consoleSocket === null)
		throw usage("process.terminal is true and nobody takes it, wanted --console-socket");
	if (!terminal && consoleSocket !== null)
		throw usage("--console-socket is given and process.terminal is false, wanted both");
}

/** Links on the way to the root are followed once, here. */
function withRealRoot({ entries, rootfs }: ContainerPlan): readonly Entry[] {
	try {
		const real = realpathSync(rootfs);
		return entries.map((entry) => (entry[0] === "rootfs" ? ["rootfs", real] : entry));
	} catch (thrown) {
		throw new SwarmError("usage", `Cannot read the configuration: root.path ${rootfs}: ${(thrown as Error).message}`, {
			details: { field: "root.path" },
		});
	}
}

export function pidFileEntry(given: Arguments): readonly Entry[] {
	const path = optionOf(given, "pid-file");
	return path === null ? [] : [["pid-file", resolve(path)]];
}

function recordOf(
	plan: ContainerPlan,
	{ id, bundle, cgroups }: Pick<ContainerPlace, "id" | "bundle" | "cgroups">,
): ContainerRecord {
	const { rootfs, annotations, terminal, hasProcess, hasPoststop } = plan;
	const created = new Date().toISOString();
	return { id, bundle, rootfs, cgroups, annotations, created, terminal, hasProcess, hasPoststop };
}
