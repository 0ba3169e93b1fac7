// Other runtimes on the same files as ours, started from a small shell: a fork of this process would be measured with them.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BenchRootfs } from "./rootfs.js";

/** crun refuses a hybrid tree with a controller in v2: where there is one, it does not see it. */
const HIDE = "if [ -d /sys/fs/cgroup/unified ]; then umount -l /sys/fs/cgroup/unified; fi";

const SETUP = join(dirname(fileURLToPath(import.meta.url)), "../../scripts/setup.sh");

export interface Peer {
	readonly program: string;
	readonly version: string;
	readonly bundle: string;
	readonly root: string;
}

/** `args`: what its container runs. */
export function preparePeer(under: string, rootfs: BenchRootfs, program: string, args: readonly string[]): Peer {
	const version = versionOf(program) ?? installed(program);
	const bundle = join(under, program);
	mkdirSync(bundle, { recursive: true });
	const made = spawnSync(program, ["spec"], { cwd: bundle, encoding: "utf8" });
	if (made.status !== 0) throw new Error(`${program} spec: ${made.stderr}`);
	const config = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as PeerConfig;
	config.process.args = [...args];
	config.process.terminal = false;
	// What this machine's root may not raise (no CAP_SYS_RESOURCE) would only make the peer fail.
	config.process.rlimits = [];
	config.root = { path: rootfs.directory, readonly: false };
	config.linux.namespaces = ["mount", "pid", "uts", "ipc", "cgroup", "network"].map((type) => ({ type }));
	writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
	return { program, version, bundle, root: join(under, `${program}-root`) };
}

function versionOf(program: string): string | null {
	const version = spawnSync(program, ["--version"], { encoding: "utf8" });
	return version.status === 0 ? (version.stdout.split("\n")[0] ?? program) : null;
}

/** As what the tests need is installed. */
function installed(program: string): string {
	console.error(`${program} is missing: it is installed`);
	spawnSync("bash", [SETUP, "--only", program], { stdio: ["ignore", 2, 2] });
	const version = versionOf(program);
	if (version === null) throw new Error(`${program} is missing and could not be installed: apt-get install ${program}`);
	return version;
}

interface PeerConfig {
	process: { args: string[]; terminal: boolean; rlimits: unknown[] };
	root: { path: string; readonly: boolean };
	linux: { namespaces: { type: string }[] };
}

/** Output of a script of the shell, in which the peer works. Throws with what was said. */
export function peerShell(peer: Peer, script: string): string {
	const complaints = join(peer.bundle, "stderr");
	const ran = spawnSync("unshare", ["-m", "sh", "-c", `${HIDE}; ${script}`, complaints], { encoding: "utf8" });
	if (ran.status !== 0) throw new Error(`${peer.program} failed: ${readFileSync(complaints, "utf8")} ${ran.stderr}`);
	return ran.stdout;
}

/** Milliseconds for one of `count` times the command, which may use $i, measured around a loop of the shell. */
export function timedBatch(peer: Peer, command: string, count: number): number {
	const one = `${command} >/dev/null 2>$0 </dev/null || exit 1`;
	const loop = `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); ${one}; done`;
	const nanoseconds = Number(peerShell(peer, `a=$(date +%s%N); ${loop}; b=$(date +%s%N); echo $((b-a))`).trim());
	if (!(nanoseconds > 0)) throw new Error(`${peer.program}: no time was measured`);
	return nanoseconds / 1e6 / count;
}
