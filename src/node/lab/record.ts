// Which labs there are: one file a lab in /run, written before anything of it is made and removed after everything of it
// is gone, so that `down` always knows what may be there.

import { randomInt } from "node:crypto";
import { link, mkdir, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SwarmError } from "../../errors.js";
import { checkLabName, LABS_MAX, type Lab, planLab } from "./plan.js";

const RECORDS = "/run/stratoswarm/lab";
const ATTEMPTS_MAX = 10;

interface LabRecord {
	readonly version: 1;
	readonly name: string;
	readonly index: number;
	readonly nodes: number;
	/** Parent of the lab's directory. */
	readonly parent: string;
}

/** Takes a free index and writes the record. Code `conflict` when the name is taken. */
export async function recordLab(name: string, nodes: number, parent: string): Promise<Lab> {
	checkLabName(name);
	for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		const taken = new Set((await listLabs()).map((lab) => lab.index));
		const free = Array.from({ length: LABS_MAX }, (_, i) => i + 1).filter((candidate) => !taken.has(candidate));
		// Any of the free ones after the first attempt: who made a lab at the same time chooses again too.
		const index = free[attempt === 0 ? 0 : randomInt(Math.max(1, free.length))];
		if (index === undefined) throw new SwarmError("refused", `Cannot make a lab: there are ${LABS_MAX} already`);
		const lab = planLab(name, nodes, index, parent);
		await placeRecord({ version: 1, name, index, nodes, parent });
		if (!(await listLabs()).some((other) => other.index === index && other.name !== name)) return lab;
		await forgetLab(name);
	}
	throw new SwarmError("conflict", `Cannot make the lab ${name}: others are being made just now, try again`);
}

/** Whole or not at all: others look for labs meanwhile. */
async function placeRecord(record: LabRecord): Promise<void> {
	const path = pathOf(record.name);
	const aside = `${RECORDS}.${record.name}.${process.pid}`;
	await mkdir(RECORDS, { recursive: true, mode: 0o755 });
	await writeFile(aside, `${JSON.stringify(record)}\n`, { mode: 0o644 });
	try {
		while (!(await isLinked(aside, path))) await mkdir(RECORDS, { recursive: true, mode: 0o755 });
	} catch (thrown) {
		if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
		throw new SwarmError(
			"conflict",
			`Cannot make the lab ${record.name}: it is there already, take it down first with \`swarm lab down --name ${record.name}\``,
		);
	} finally {
		await rm(aside, { force: true });
	}
}

/** false when the last lab went just now, and the directory with it. */
async function isLinked(aside: string, path: string): Promise<boolean> {
	try {
		await link(aside, path);
		return true;
	} catch (thrown) {
		if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return false;
		throw thrown;
	}
}

/** null when there is no such lab. */
export async function findLab(name: string): Promise<Lab | null> {
	const text = await readFile(pathOf(checkLabName(name)), "utf8").catch(() => null);
	return text === null ? null : labOf(name, text);
}

/** Code `not-found`. */
export async function readLab(name: string): Promise<Lab> {
	const lab = await findLab(name);
	if (lab !== null) return lab;
	throw new SwarmError("not-found", `Cannot use the lab ${name}: it is not up, start it with \`swarm lab up\``);
}

export async function listLabs(): Promise<readonly Lab[]> {
	const files = await readdir(RECORDS).catch(() => []);
	const labs = await Promise.all(
		files.filter((file) => file.endsWith(".json")).map((file) => findLab(file.slice(0, -".json".length))),
	);
	return labs.filter((lab) => lab !== null);
}

export async function forgetLab(name: string): Promise<void> {
	await rm(pathOf(name), { force: true });
	// Another lab may stand beside it.
	await rmdir(RECORDS).catch(() => {});
}

function pathOf(name: string): string {
	return join(RECORDS, `${name}.json`);
}

function labOf(name: string, text: string): Lab {
	try {
		const record = JSON.parse(text) as LabRecord;
		if (record.version !== 1 || record.name !== name) throw new Error("another version or name");
		return planLab(name, record.nodes, record.index, record.parent);
	} catch (thrown) {
		throw new SwarmError("corrupt", `Cannot read the lab ${name}: ${pathOf(name)} is no record of it`, {
			cause: thrown,
		});
	}
}
