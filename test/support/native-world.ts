// A real runtime for kernel tests: state directory, scope and image of its own, with a busybox root as lower layer. Needs
// root, the built native parts and a static busybox.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/clock.js";
import { createLogger, type Logger } from "../../src/log.js";
import type { Digest } from "../../src/model.js";
import { loadNative } from "../../src/native/binding.js";
import { nativePaths } from "../../src/native/paths.js";
import { openRuntime } from "../../src/runtime/native-runtime.js";
import type { PreparedImage, Runtime } from "../../src/runtime/runtime.js";
import { isRoot, pathOf } from "./kernel.js";
import { until } from "./until.js";

/** Why real containers cannot be made here; null when they can. */
export function missingForContainers(): string | null {
	if (!isRoot) return "root";
	if (pathOf("busybox") === null) return "busybox (package busybox-static)";
	try {
		nativePaths();
		return null;
	} catch {
		return "the native parts (make -C src/native)";
	}
}

export interface NativeWorld {
	readonly stateDirectory: string;
	readonly scope: string;
	readonly image: PreparedImage;
	/** The one that is open now. */
	readonly runtime: Runtime;
	/** Opens another one over the same state; the old one is not told, as if its process had been killed. */
	reopen(): Promise<Runtime>;
	/** Removes every container, closes, deletes the directories. */
	dispose(): Promise<void>;
}

let worlds = 0;

export async function openNativeWorld(base = "/var/tmp"): Promise<NativeWorld> {
	worlds += 1;
	const scope = `t${process.pid}x${worlds}`;
	const directory = mkdtempSync(join(base, `swarm-${scope}-`));
	const stateDirectory = join(directory, "state");
	mkdirSync(stateDirectory);
	const image = busyboxImage(join(directory, "rootfs"));
	let runtime = await openTestRuntime(stateDirectory, scope);
	const deserted: Runtime[] = [];
	const reopen = async () => {
		deserted.push(runtime);
		runtime = await openTestRuntime(stateDirectory, scope);
		return runtime;
	};
	return {
		stateDirectory,
		scope,
		image,
		get runtime() {
			return runtime;
		},
		reopen,
		async dispose() {
			// In a process that was really killed, what they keep ready would have ended with it.
			for (const old of deserted.splice(0)) await old.close();
			// Whatever another daemon made in the same state goes too.
			const known = runtime.list().map(({ container }) => container as string);
			const there = readdirSync(join(stateDirectory, "containers"));
			if (there.some((name) => !known.includes(name))) await reopen();
			await Promise.all(runtime.list().map(({ container, epoch }) => runtime.remove(container, epoch)));
			await runtime.close();
			rmSync(directory, { recursive: true });
		},
	};
}

/** Complaints of the runtime are failures to look at: they go to standard error. */
const testLogger: Logger = createLogger((line) => void process.stderr.write(line), "warn");

export function openTestRuntime(stateDirectory: string, scope: string): Promise<Runtime> {
	const paths = nativePaths();
	const native = loadNative(paths);
	const logger = testLogger;
	return openRuntime({ stateDirectory, scope, native, paths, clock: systemClock, logger, checkpoints: null });
}

/** Ends of containers come by event; the state is what a test waits for. */
export function untilEnded(runtime: Runtime, container: Parameters<Runtime["get"]>[0]) {
	return until(
		`${container} to end`,
		() => {
			const state = runtime.get(container);
			return state?.phase === "stopped" || state?.phase === "failed" ? state : null;
		},
		60_000,
	);
}

export function busyboxImage(rootfs: string): PreparedImage {
	for (const path of ["bin", "etc", "proc", "sys", "dev", "tmp", "root"])
		mkdirSync(join(rootfs, path), { recursive: true });
	cpSync(pathOf("busybox") ?? "/bin/busybox", join(rootfs, "bin/busybox"), { dereference: true });
	for (const applet of applets) symlinkSync("busybox", join(rootfs, "bin", applet));
	return {
		name: "busybox:test",
		digest: `sha256:${"b".repeat(64)}` as Digest,
		lowerDirectories: [rootfs],
		hostPaths: [],
		config: { entrypoint: [], command: ["/bin/sh"], env: { PATH: "/bin" }, workdir: "/", user: "", stopSignal: 15 },
	};
}

const applets = [
	"sh",
	"true",
	"false",
	"sleep",
	"cat",
	"echo",
	"nc",
	"httpd",
	"id",
	"env",
	"ip",
	"dd",
	"ls",
	"ping",
	"wget",
	"touch",
	"hostname",
	"pwd",
	"ps",
	"kill",
	"seq",
	"tail",
	"mkdir",
	"rm",
	"tr",
];
