// The two halves of a move on this machine (Checkpoints of runtime.ts), built on CRIU. Order is everything here: what is
// frozen stays frozen by its cgroup, what is restored waits in CRIU's post-restore hook for the monitor's word.
// Must never run a container on its own: only `thaw` and `release` do.

import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asSwarmError, SwarmError } from "../../errors.js";
import { type ContainerId, volumeNamesOf } from "../../model.js";
import type { Container } from "../container.js";
import { hasEnded } from "../life-cycle.js";
import type { Checkpoints, ContainerState, DumpResult, RestoreRequest } from "../runtime.js";
import type { CheckpointsFactory, CheckpointsPart, RuntimeSeams } from "../seams.js";
import { bindsOf } from "../volumes/binds.js";
import { dumpArguments, encodeCommand, restoreArguments } from "./criu-command.js";
import type { CriuInstallation } from "./criu-installation.js";
import { lastErrors, pidFileOf, runDump, settleLeftover } from "./dump-process.js";
import { bringBackRemaps, dropRemaps } from "./link-remaps.js";
import { type DumpManifest, decodeManifest } from "./manifest.js";
import { type ExternalMount, externalMounts, parseMountinfo } from "./mounts.js";
import { dropNetworkLocks } from "./network-lock.js";
import { shownVolumes } from "./shown-volumes.js";
import { mapUserNamespace } from "./user-namespace-image.js";

/** In the work directory of a dump: the upper layer holds link remaps. */
const REMAPS = "remaps";
/** A released copy has its memory in place: what is left is unlocking the network and one sigreturn a thread. */
const RELEASE_MS_MAX = 15_000;

/** The factory for a machine with this CRIU; null makes a runtime without checkpoints. */
export function checkpointsWith(criu: CriuInstallation | null): CheckpointsFactory | null {
	if (criu === null) return null;
	return (seams) => new CriuCheckpoints(criu, seams).part();
}

class CriuCheckpoints implements Checkpoints {
	readonly #criu: CriuInstallation;
	readonly #seams: RuntimeSeams;

	constructor(criu: CriuInstallation, seams: RuntimeSeams) {
		this.#criu = criu;
		this.#seams = seams;
	}

	part(): CheckpointsPart {
		return { checkpoints: this, adopt: (container) => this.#adopt(container) };
	}

	dump(id: ContainerId, epoch: number, directory: string, move: string, signal: AbortSignal): Promise<DumpResult> {
		return this.#seams.exclusive("checkpoint", id, epoch, async (container) => {
			container.step("checkpoint", { move });
			try {
				// Before CRIU: a crash from here on finds a container that may be frozen.
				container.save(true);
				return await this.#dump(container, directory, signal);
			} catch (thrown) {
				await this.#wake(container, "checkpoint-failed");
				throw thrown;
			}
		});
	}

	thaw(id: ContainerId, epoch: number): Promise<ContainerState> {
		return this.#seams.exclusive("thaw", id, epoch, async (container) => {
			if (container.state.phase !== "running") await this.#wake(container, "thaw");
			return container.state;
		});
	}

	files(id: ContainerId): { readonly upperDirectory: string; readonly logDirectory: string } {
		const { directory } = this.#seams.find(id);
		return { upperDirectory: directory.upper, logDirectory: directory.log };
	}

	restore(request: RestoreRequest, signal: AbortSignal): Promise<ContainerState> {
		const manifest = decodeManifest(request.manifest);
		checkPlaces(manifest, request);
		if (manifest.criuVersion !== this.#criu.version)
			throw new SwarmError(
				"refused",
				`Cannot restore ${request.create.container}: it was dumped by CRIU ${manifest.criuVersion}, wanted ${this.#criu.version}`,
			);
		const restore = (container: Container) => this.#restore(container, request, manifest, signal);
		return this.#seams.restoring(request, manifest.userNamespace, signal, restore);
	}

	release(id: ContainerId, epoch: number, signal: AbortSignal): Promise<ContainerState> {
		return this.#seams.exclusive("release", id, epoch, async (container) => {
			if (container.state.phase === "running") return container.state;
			if (container.isGuarded) await container.letRun();
			// CRIU holds the copy: nothing runs by the thaw alone, and of one that needs a lease the monitor refuses the start.
			container.perform(container.step("release"));
			this.#setLink(container, true);
			try {
				await this.#start(container, signal);
			} catch (thrown) {
				// It must not come to life after somebody else was told to run.
				this.#seams.cgroups.kill(id);
				if (!hasEnded(container.state.phase)) container.perform(container.step("start-failed", { pid: null }));
				throw thrown;
			} finally {
				container.save(false);
			}
			return container.state;
		});
	}

	/** Resolves when it runs, or has run and ended. The monitor's answer may never come: CRIU can hang on a task that died. */
	async #start(container: Container, signal: AbortSignal): Promise<void> {
		let refusal: SwarmError | null = null;
		container.monitor?.request("start", String(container.state.epoch)).catch((thrown: unknown) => {
			refusal = asSwarmError(thrown, `release ${container.id}`);
		});
		const left = (state: ContainerState) => state.phase !== "starting";
		const state = await container.until("release", left, RELEASE_MS_MAX, signal);
		// One that ran and ended at once is `stopped`; `failed` never came to its next instruction.
		if (state.phase === "failed") throw this.#notReleased(container, refusal);
	}

	async #dump(container: Container, imageDirectory: string, signal: AbortSignal): Promise<DumpResult> {
		const { clock, network } = this.#seams;
		const { pid } = container.state;
		if (pid === null || container.monitor === null)
			throw new SwarmError(
				"conflict",
				`Cannot checkpoint ${container.id}: nobody reads its output, wanted its monitor`,
			);
		const startedMs = clock.monotonicMs();
		const manifest = await this.#manifest(container, pid);
		const workDirectory = await workDirectoryOf(container);
		const commandFile = join(workDirectory, "dump.command");
		const { directory } = container;
		const hook = this.#seams.paths.criu;
		const { externals, userNamespace } = manifest;
		const place = { pid, directory, imageDirectory, workDirectory, externals, hook, userNamespace };
		const link = network.attachmentOf(container.id)?.linkName ?? "";
		const networkOf = userNamespace ? "0" : String(pid);
		const head = [networkOf, container.cgroup.unified, link, directory.upper, pidFileOf(directory)];
		await writeFile(commandFile, encodeCommand([...head, ...dumpArguments(this.#criu, place)]), { mode: 0o600 });
		const about = { container: container.id, workDirectory, imageDirectory, stderrPath: directory.stderr };
		const { freezingAtNs, hasRemaps, ended } = await runDump({ path: hook, commandFile, ...about }, clock, signal);
		if (hasRemaps) {
			await writeFile(join(workDirectory, REMAPS), "");
			await ended;
			await bringBackRemaps(directory.upper);
		}
		await container.monitor.request("drain");
		return {
			imageBytes: await bytesIn(imageDirectory),
			frozenAtMonotonicMs: clock.monotonicMs() - Number(process.hrtime.bigint() - freezingAtNs) / 1e6,
			dumpMs: clock.monotonicMs() - startedMs,
			manifest: { ...manifest },
		};
	}

	async #manifest(container: Container, pid: number): Promise<DumpManifest> {
		const mounts = parseMountinfo(await readFile(`/proc/${pid}/mountinfo`, "utf8"));
		const pipes = await readFile(join(container.directory.path, "pipes"), "utf8");
		const [stdout = 0, stderr = 0] = pipes.trim().split(" ").map(Number);
		const { spec, image } = container.request;
		const shown = shownVolumes(spec.volumes, pid, (name) => this.#seams.volumes.pathOf(name));
		const externals = externalMounts(mounts, container.directory.path, image.hostPaths, shown);
		const userNamespace = container.state.firstId !== null;
		return { version: 1, criuVersion: this.#criu.version, pipes: { stdout, stderr }, externals, userNamespace };
	}

	/** Back to `running`, whatever criu left: its process, its network lock, the link down, the freezer. */
	async #wake(container: Container, event: "thaw" | "checkpoint-failed"): Promise<void> {
		const { native, clock, logger } = this.#seams;
		await settleLeftover(container.directory, native, clock);
		const { pid } = container.state;
		if (pid !== null)
			await dropNetworkLocks(pid).catch((thrown: unknown) =>
				logger.warn("a network lock cannot be looked for", { container: container.id, error: String(thrown) }),
			);
		const { directory } = container;
		if (existsSync(join(directory.path, "criu", REMAPS))) await dropRemaps(directory.upper);
		this.#setLink(container, true);
		const effects = container.step(event, { move: null });
		if (effects.includes("thaw")) await container.letRunOrPause();
		container.save(true);
	}

	async #restore(
		container: Container,
		request: RestoreRequest,
		manifest: DumpManifest,
		signal: AbortSignal,
	): Promise<void> {
		const { native, paths } = this.#seams;
		const { directory, state } = container;
		if (state.firstId !== null) await mapUserNamespace(request.imageDirectory, state.firstId);
		const workDirectory = await workDirectoryOf(container);
		const volumePath = (name: string) => this.#seams.volumes.pathOf(name);
		const { imageDirectory } = request;
		const place = { directory, imageDirectory, workDirectory, manifest, hook: paths.criu, volumePath };
		await writeFile(join(directory.path, "restore"), encodeCommand(restoreArguments(this.#criu, place)), {
			mode: 0o600,
		});
		native.spawnDetached([paths.monitor, "restore", directory.path], {
			stderrPath: directory.stderr,
			socketPath: directory.monitorSocket,
		});
		await container.attachMonitor();
		try {
			await this.#seams.connect(container, RESTORE_MS_MAX, signal);
			const whole = (state: ContainerState) => state.pid !== null;
			await container.until("restored", whole, RESTORE_MS_MAX, signal);
		} catch (thrown) {
			const said = lastErrors(join(workDirectory, "restore.log"));
			const why = asSwarmError(thrown, `restore ${container.id}`);
			throw new SwarmError(why.code, `Cannot restore ${container.id}: ${said || why.message}`, { cause: thrown });
		}
	}

	async #adopt(container: Container): Promise<"keep" | "remove"> {
		if (container.state.phase === "restoring") return container.monitor === null ? "remove" : "keep";
		const { native, clock, cgroups } = this.#seams;
		await settleLeftover(container.directory, native, clock);
		// The record is written before the freeze: without it nothing was given away yet.
		if (!cgroups.isFrozen(container.id)) await this.#wake(container, "checkpoint-failed");
		return "keep";
	}

	#setLink(container: Container, up: boolean): void {
		const link = this.#seams.network.attachmentOf(container.id)?.linkName;
		if (link !== undefined) this.#seams.native.linkSetUp(link, up);
	}

	#notReleased(container: Container, refusal: SwarmError | null): SwarmError {
		const said = lastErrors(join(container.directory.path, "criu", "restore.log"));
		const why = said || container.state.error || refusal?.message || "it ended before its next instruction";
		return new SwarmError("failed", `Cannot release ${container.id}: ${why}`);
	}
}

/** Reading gigabytes of memory images from a slow disk. */
const RESTORE_MS_MAX = 10 * 60_000;

async function workDirectoryOf(container: Container): Promise<string> {
	const path = join(container.directory.path, "criu");
	await rm(path, { recursive: true, force: true });
	await mkdir(path, { mode: 0o700 });
	return path;
}

/** The source names mounts, this node decides which of its own paths and volumes a container may see. */
function checkPlaces(manifest: DumpManifest, { create }: RestoreRequest): void {
	const shared = bindsOf(create.spec.volumes).flatMap(({ shared, source }) => (shared ? [source] : []));
	const isIn = (paths: readonly string[], path: string) =>
		paths.some((one) => path === one || path.startsWith(`${one}/`));
	const isAllowed = ({ place }: ExternalMount) => {
		switch (place.kind) {
			case "container":
				return true;
			case "host":
				return isIn(create.image.hostPaths, place.path);
			case "bind":
				return isIn(shared, place.path);
			case "volume":
				return volumeNamesOf(create.spec).includes(place.name);
		}
	};
	const wrong = manifest.externals.find((external) => !isAllowed(external))?.place;
	if (wrong === undefined) return;
	const what = wrong.kind === "volume" ? `the volume ${wrong.name}` : wrong.path;
	throw new SwarmError(
		"refused",
		`Cannot restore ${create.container}: it has ${what} of its node, which neither image ${create.image.name} nor its spec shows here`,
	);
}

async function bytesIn(directory: string): Promise<number> {
	const sizes = (await readdir(directory)).map(async (name) => (await stat(join(directory, name))).size);
	return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
