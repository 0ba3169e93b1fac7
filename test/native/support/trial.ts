// A container made with monitor and init alone, without the runtime, from a busybox root: for the kernel tests of
// test/native. Everything it makes (directory, cgroups, processes) is gone after `dispose`.

import {
	chmodSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmdirSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { type ContainerId, type Isolation, type Security, standardSecurity } from "../../../src/model.js";
import { loadNative } from "../../../src/native/binding.js";
import { encodeLaunch, type LaunchConfig } from "../../../src/native/launch.js";
import { nativePaths } from "../../../src/native/paths.js";
import { openSeccompPrograms } from "../../../src/runtime/seccomp/programs.js";
import { findDevices } from "../../../src/runtime/security/devices.js";
import { launchSecurityOf } from "../../../src/runtime/security/launch-security.js";
import { until } from "../../support/until.js";

const BUSYBOX = "/bin/busybox";
const applets = [
	"sh",
	"cat",
	"echo",
	"env",
	"false",
	"grep",
	"hostname",
	"id",
	"ip",
	"kill",
	"ls",
	"mknod",
	"mount",
	"printf",
	"pwd",
	"sleep",
	"stat",
	"touch",
	"true",
	"yes",
	"head",
	"dd",
	"readlink",
	"od",
	"chown",
	"tr",
	"wc",
];

/** Null when these tests can run here, else what is missing. */
export function missing(): string | null {
	if (process.getuid?.() !== 0) return "root";
	if (!existsSync(BUSYBOX)) return BUSYBOX;
	if (cgroup2Mount() === null) return "a mounted cgroup v2 tree";
	return null;
}

export const native = loadNative();
export const paths = nativePaths();

function cgroup2Mount(): string | null {
	for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n"))
		if (line.includes(" - cgroup2 ")) return line.split(" ")[4] ?? null;
	return null;
}

function cgroup1Mounts(): readonly string[] {
	return ["memory", "pids", "freezer"]
		.map((name) => `/sys/fs/cgroup/${name}`)
		.filter((path) => existsSync(`${path}/tasks`));
}

export interface Exit {
	readonly code: number;
	readonly signal: number;
	readonly oom: boolean;
	readonly text: string;
}

/** A container; `state created` has been seen when `make` returns. */
export interface Trial {
	readonly directory: string;
	readonly monitorPid: number;
	readonly pid: number;
	readonly cgroup2: string;
	readonly launch: LaunchConfig;
	/** Sends a command and gives its answer, `ok …` or `error …`. */
	ask(command: string): Promise<string>;
	/** The next state line that begins with `state <name>`. */
	state(name: string): Promise<string>;
	exited(): Promise<Exit>;
	log(stream: "stdout" | "stderr"): readonly string[];
	/** A second monitor for the same directory would be a second copy. */
	spawnMonitor(): number;
	connect(): Connection;
	dispose(): Promise<void>;
}

/** A line-based connection to the control socket that remembers all lines. */
export class Connection {
	readonly socket: Socket;
	readonly lines: string[] = [];
	closed = false;

	constructor(path: string) {
		this.socket = createConnection(path);
		let rest = "";
		this.socket.setEncoding("utf8");
		this.socket.on("data", (text: string) => {
			const parts = (rest + text).split("\n");
			rest = parts.pop() ?? "";
			this.lines.push(...parts);
			this.socket.emit("line");
		});
		this.socket.on("error", () => undefined);
		this.socket.on("close", () => {
			this.closed = true;
			this.socket.emit("line");
		});
	}

	async line(match: (line: string) => boolean, from = 0): Promise<string> {
		for (;;) {
			const found = this.lines.slice(from).find(match);
			if (found !== undefined) return found;
			if (this.closed) throw new Error(`the monitor closed; lines so far: ${JSON.stringify(this.lines)}`);
			await new Promise((resolve) => this.socket.once("line", resolve));
		}
	}

	async ask(command: string): Promise<string> {
		const from = this.lines.length;
		const name = command.split(" ")[0] ?? "";
		this.socket.write(`${command}\n`);
		return this.line((line) => line.startsWith(`ok ${name}`) || line.startsWith("error "), from);
	}
}

/** The root file system, made once for all tests of a file. */
export function makeRoot(): { readonly path: string; dispose(): void } {
	const path = mkdtempSync(join(tmpdir(), "swarm-native-root-"));
	for (const name of ["bin", "dev", "etc", "proc", "sys", "tmp", "root", "home"]) mkdirSync(join(path, name));
	chmodSync(path, 0o755);
	chmodSync(join(path, "tmp"), 0o1777);
	copyFileSync(BUSYBOX, join(path, "bin/busybox"));
	for (const name of applets) symlinkSync("busybox", join(path, "bin", name));
	writeFileSync(join(path, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001::/home:/bin/sh\n");
	writeFileSync(join(path, "etc/group"), "root:x:0:\nweb:x:1001:\ndisk:x:6:root,web\nextra:x:77:web\n");
	writeFileSync(join(path, "bin/notexecutable"), "text");
	return { path, dispose: () => rmSync(path, { recursive: true, force: true }) };
}

const programsPath = mkdtempSync(join(tmpdir(), "swarm-native-seccomp-"));
afterAll(() => rmSync(programsPath, { recursive: true, force: true }));
const programs = openSeccompPrograms(programsPath);

/** As the runtime tells it to monitor and init. */
export function securityOf(
	security: Partial<Security>,
	isolation: Isolation = "standard",
	firstId: number | null = null,
) {
	const whole = { ...standardSecurity, ...security };
	const devices = findDevices("trial.0" as ContainerId, whole.devices);
	return launchSecurityOf(
		{ isolation, security: whole },
		{ programOf: (profile) => programs.pathOf(profile), devices, firstId },
	);
}

let counter = 0;

export function launchConfig(root: string, name: string, overrides: Partial<LaunchConfig>): LaunchConfig {
	const cgroups = [`${cgroup2Mount()}`, ...cgroup1Mounts()].map((mount) => join(mount, name));
	for (const path of cgroups) mkdirSync(path);
	return {
		container: "trial.0" as ContainerId,
		epoch: 3,
		passing: false,
		terminal: false,
		guarded: false,
		stdin: false,
		networkLater: false,
		hostname: "trial-0",
		logBytesMax: 64 * 1024 * 1024,
		args: ["sleep", "1000"],
		env: {},
		workdir: "/",
		user: "",
		lowerDirectories: [root],
		hostPaths: [],
		binds: [],
		volumes: [],
		files: [],
		cgroup2: cgroups[0] ?? "",
		cgroup1: cgroups.slice(1),
		netns: null,
		rlimits: [],
		security: securityOf({}),
		...overrides,
	};
}

export function makeDirectory(launch: LaunchConfig): string {
	const directory = mkdtempSync(join(tmpdir(), "swarm-native-"));
	for (const name of ["upper", "work", "merged", "log"]) mkdirSync(join(directory, name));
	writeFileSync(join(directory, "launch"), encodeLaunch(launch));
	return directory;
}

/** Starts the monitor and connects; the container is being built. */
export function spawn(directory: string): { readonly monitorPid: number; readonly connection: Connection } {
	const { monitorPid, socketPath } = spawnAlone(directory);
	return { monitorPid, connection: new Connection(socketPath) };
}

/** Nobody has connected to it yet. */
export function spawnAlone(directory: string): { readonly monitorPid: number; readonly socketPath: string } {
	const socketPath = join(directory, "monitor.sock");
	const stderrPath = join(directory, "stderr");
	return {
		monitorPid: native.spawnDetached([paths.monitor, "run", directory], { stderrPath, socketPath }),
		socketPath,
	};
}

export async function make(root: string, overrides: Partial<LaunchConfig> = {}): Promise<Trial> {
	const launch = launchConfig(root, `swarm-test-native-${process.pid}-${counter++}`, overrides);
	const directory = makeDirectory(launch);
	const { monitorPid, connection } = spawn(directory);
	// On a loaded machine a monitor can have ended before the connection was made: its record then says how.
	const record = () => parseExit(readFileSync(join(directory, "exit"), "utf8"));
	const first = await connection.line((line) => line.startsWith("state ")).catch(() => `state exited ${record().code}`);
	const pid = first.startsWith("state exited") ? 0 : Number(first.split(" ")[2]);
	return {
		directory,
		monitorPid,
		pid,
		launch,
		cgroup2: launch.cgroup2,
		ask: (command) => connection.ask(command),
		state: (name) => connection.line((line) => line.startsWith(`state ${name}`)),
		exited: () =>
			connection.line((line) => line.startsWith("state exited ")).then((line) => parseExit(line.slice(13)), record),
		log: (stream) => readLog(directory, stream),
		spawnMonitor: () => spawn(directory).monitorPid,
		connect: () => new Connection(join(directory, "monitor.sock")),
		async dispose() {
			connection.socket.destroy();
			await dispose(launch, directory, monitorPid);
		},
	};
}

async function dispose(launch: LaunchConfig, directory: string, monitorPid: number): Promise<void> {
	writeFileSync(join(launch.cgroup2, "cgroup.kill"), "1");
	await until("the monitor to end", () => !native.signal(monitorPid, 0));
	for (const path of [launch.cgroup2, ...launch.cgroup1])
		await until(`${path} to be removed`, () => {
			if (existsSync(path)) rmdirSync(path);
			return true;
		});
	rmSync(directory, { recursive: true, force: true });
}

export function parseExit(line: string): Exit {
	const [code, signal, oom, , ...text] = line.trimEnd().split(" ");
	return { code: Number(code), signal: Number(signal), oom: oom === "1", text: text.join(" ") };
}

export function readLog(directory: string, stream: "stdout" | "stderr"): readonly string[] {
	const text = readFileSync(join(directory, "log", stream), "utf8");
	return text === ""
		? []
		: text
				.replace(/\n$/, "")
				.split("\n")
				.map((line) => line.replace(/^\d{13} /, ""));
}
