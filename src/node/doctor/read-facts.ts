// Collects MachineFacts from /proc, /sys and the programs that ask the kernel. Never throws for something that is missing:
// absence is a fact. Never judges and never changes the machine.

import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageDirectory } from "../../native/paths.js";
import { listNames, readText } from "../../scheduler/hardware/read.js";
import { readHardware } from "../../scheduler/hardware.js";
import {
	type CgroupFacts,
	type CommandFacts,
	type CriuFacts,
	type MachineFacts,
	type ProbeName,
	type ProbeResult,
	probeNames,
} from "./facts.js";
import { run } from "./run.js";

/** scripts/criu.sh writes here. */
const criuDirectory = "var/lib/stratoswarm/criu";
/** On the file system of the first that is there containers are, or would be. */
const stateDirectories = ["/var/lib/stratoswarm", "/var/lib"];
const cgroupsLookedAtMax = 64;
const nativeFiles = ["libstratoswarm.so", "swarm-monitor", "swarm-init"];
const natTable = "table ip stratoswarm-doctor { chain nat { type nat hook postrouting priority 100; masquerade; }; }";

/** `root` is `/`, or the directory of a recorded machine, of which only the files are read: no program is asked. */
export async function readFacts(root: string, signal: AbortSignal): Promise<MachineFacts> {
	const here = root === "/";
	const [probes, userNamespaces, nft, criu, hardware, status, mountinfo] = await Promise.all([
		here ? readProbes(signal) : noProbes(),
		here ? tryUserNamespaces(signal) : null,
		here ? run(["unshare", "--net", "nft", natTable], signal) : { ok: false, said: "not asked" },
		readCriu(root, signal),
		readHardware(root),
		readText(root, "proc/self/status"),
		readText(root, "proc/self/mountinfo"),
	]);
	return {
		kernel: hardware.kernel,
		uid: Number(/^Uid:\s+\d+\s+(\d+)/m.exec(status ?? "")?.[1] ?? -1),
		capabilities: BigInt(`0x${/^CapEff:\s+([0-9a-f]+)/m.exec(status ?? "")?.[1] ?? "0"}`),
		cgroup: await readCgroup(root, mountinfo ?? ""),
		probes,
		userNamespaces,
		nft,
		pressure: (await readText(root, "proc/pressure/memory")) !== null,
		criu,
		nodeVersion: process.versions.node,
		nativeMissing: nativeFiles.filter((file) => !existsSync(join(nativeDirectory(), file))),
		hardware,
	};
}

function nativeDirectory(): string {
	return join(packageDirectory(), "build/native");
}

function noProbes(): Record<ProbeName, ProbeResult> {
	return Object.fromEntries(probeNames.map((name) => [name, null])) as Record<ProbeName, ProbeResult>;
}

async function readProbes(signal: AbortSignal): Promise<Record<ProbeName, ProbeResult>> {
	const probes = noProbes();
	const { output } = await run([join(nativeDirectory(), "swarm-probe")], signal);
	for (const line of output.split("\n")) {
		const [name, result] = line.split(" ");
		const known = probeNames.find((probe) => probe === name);
		if (known !== undefined) probes[known] = result === "ok" ? 0 : Number(result);
	}
	return probes;
}

/** In a directory where containers would be, or beside it where there are none yet; nothing of it stays. */
async function tryUserNamespaces(signal: AbortSignal): Promise<CommandFacts> {
	const parent = stateDirectories.find((path) => existsSync(path)) ?? tmpdir();
	const place = await mkdtemp(join(parent, "swarm-doctor-")).catch(() => null);
	if (place === null) return { ok: false, said: `nothing can be written in ${parent}` };
	try {
		for (const name of ["lower", "upper", "work", "merged"]) await mkdir(join(place, name));
		return await run([join(nativeDirectory(), "swarm-init"), "try-userns", place], signal);
	} finally {
		await rm(place, { recursive: true, force: true });
	}
}

// proc_pid_mountinfo(5): "id parent dev root path options [optional…] - type source superoptions"
async function readCgroup(root: string, mountinfo: string): Promise<CgroupFacts> {
	const mounts = mountinfo
		.split("\n")
		.map((line) => line.split(" - "))
		.map(([left, right]) => ({ path: left?.split(" ")[4] ?? "", words: right?.split(" ") ?? [] }));
	const v1 = mounts.filter((mount) => mount.words[0] === "cgroup");
	const unified = mounts.find((mount) => mount.words[0] === "cgroup2")?.path ?? null;
	const homes: Record<string, string> = {};
	for (const mount of v1) for (const name of mount.words[2]?.split(",") ?? []) homes[name] = mount.path;
	const inUnified = unified === null ? null : await readText(root, join(unified, "cgroup.controllers"));
	for (const name of inUnified?.trim().split(/\s+/) ?? []) if (name !== "") homes[name] = "v2";
	const mode = unified === null ? (v1.length > 0 ? "v1" : "none") : v1.length > 0 ? "hybrid" : "v2";
	return { mode, unified, controllers: homes, freeze: unified === null ? null : await readFreeze(root, unified) };
}

/** The root of the tree has no cgroup.freeze, so it is looked for one level down. */
async function readFreeze(root: string, unified: string): Promise<boolean | null> {
	const children = await listNames(root, unified, /^[^.]*(\.slice|\.scope|\.service)?$/, cgroupsLookedAtMax);
	for (const child of children) {
		if (existsSync(join(root, unified, child, "cgroup.freeze"))) return true;
		if (existsSync(join(root, unified, child, "cgroup.procs"))) return false;
	}
	return null;
}

async function readCriu(root: string, signal: AbortSignal): Promise<CriuFacts> {
	const problem = (await readText(root, `${criuDirectory}/problem`))?.trim() ?? null;
	const record = parseRecord(await readText(root, `${criuDirectory}/current`));
	if (record === null) return { argv: null, version: null, kernel: null, check: null, problem };
	const check = root === "/" ? await run([...record.argv, "check"], signal) : null;
	return { ...record, check, problem };
}

function parseRecord(text: string | null): { argv: readonly string[]; version: string; kernel: string } | null {
	try {
		const { argv, version, kernel } = JSON.parse(text ?? "null") ?? {};
		const wellFormed = Array.isArray(argv) && argv.length > 0 && argv.every((part) => typeof part === "string");
		return wellFormed ? { argv, version: String(version), kernel: String(kernel) } : null;
	} catch {
		return null;
	}
}
