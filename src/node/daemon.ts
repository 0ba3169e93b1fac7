// The daemon: real parts put together in the order in which they depend on each other, and taken apart in the reverse. Knows
// every adapter; decides nothing that core.ts, operations.ts or a machine decides.

import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemChance, systemClock } from "../clock.js";
import { openDisk } from "../crdt/disk.js";
import { voterIdOf } from "../crdt/electorates.js";
import type { State } from "../crdt/state.js";
import { openState } from "../crdt/store.js";
import { SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import { createVerifier, loadIdentity, signerOf } from "../mesh/identity.js";
import type { Libp2pMesh } from "../mesh/libp2p-mesh.js";
import { Membership } from "../mesh/membership.js";
import type { Revocation } from "../mesh/revocation.js";
import { createMigrations } from "../migration/coordinator.js";
import { readMachineFacts, readMemoryBytesFree } from "../migration/facts.js";
import { createFileJournal } from "../migration/journal.js";
import { createMoveFiles } from "../migration/move-files.js";
import type { LocalFacts, MigrationPorts } from "../migration/ports.js";
import { readSourceFacts } from "../migration/verdict-facts.js";
import type { HardwareProfile, NodeId, VoterId } from "../model.js";
import { loadNative } from "../native/binding.js";
import { nativePaths } from "../native/paths.js";
import { checkpointsWith } from "../runtime/checkpoint/checkpoints.js";
import { findCriu } from "../runtime/checkpoint/criu-installation.js";
import { type ImageStore, openImageStore } from "../runtime/image/store.js";
import { openRuntime } from "../runtime/native-runtime.js";
import type { Runtime } from "../runtime/runtime.js";
import { readHardware } from "../scheduler/hardware.js";
import { createSampler } from "../scheduler/sample.js";
import { keepNameUnique } from "./admission/actions.js";
import {
	enterCluster,
	heedRevocations,
	isStillMember,
	openMesh,
	roleIn,
	takeName,
	wordOfPeers,
} from "./admission/entering.js";
import { endContainers, forgottenError, leaveMark } from "./admission/forgotten.js";
import { lateLedger } from "./admission/ledger.js";
import { createTokens } from "./admission/tokens.js";
import { SOCKET_NAME } from "./api/client.js";
import { serveHttp } from "./api/http-server.js";
import { serveMesh } from "./api/mesh-door.js";
import type { ApiHandler } from "./api/message.js";
import { createRouter } from "./api/router.js";
import type { DaemonConfig } from "./config.js";
import { NodeCore } from "./core.js";
import { createDaemonActions } from "./daemon-actions.js";
import { openAudit } from "./guests/audit.js";
import { type Capabilities, createCapabilities } from "./guests/capabilities.js";
import { createGuestDoor } from "./guests/guest-door.js";
import { createProbe } from "./health/probe.js";
import { nodeImages } from "./images.js";
import type { StartReport } from "./launch-daemon.js";
import { electoratePort } from "./lease/electorate-port.js";
import { Leases } from "./lease/leases.js";
import { openPromises } from "./lease/promises.js";
import { keepSplits } from "./partition/split-keeper.js";
import type { NodePorts, OwnSubject } from "./ports.js";
import { scopeOf } from "./scope.js";
import { keepConfig } from "./settings.js";
import { validateSpec } from "./spec/validate-spec.js";
import type { StateArchiveParts } from "./state-archive/export.js";
import { interruptedImports } from "./state-archive/import.js";
import { lockState } from "./state-lock.js";
import { keeperIn } from "./superseded.js";

export const VERSION = "0.1.0";

export interface Daemon {
	readonly report: StartReport;
	/** Resolves when it was told to stop and everything is closed; containers run on. */
	readonly ended: Promise<void>;
	stop(): void;
}

/** Undo steps in the order made; run in reverse, all of them, also when one fails. */
class Undo {
	readonly #steps: { readonly what: string; readonly act: () => Promise<void> | void }[] = [];

	add(what: string, act: () => Promise<void> | void): void {
		this.#steps.push({ what, act });
	}

	/** To be run after everything else. */
	addFirst(what: string, act: () => Promise<void>): void {
		this.#steps.unshift({ what, act });
	}

	async all(logger: Logger): Promise<void> {
		for (const { what, act } of this.#steps.splice(0).reverse()) {
			try {
				await act();
			} catch (error) {
				logger.error("closing failed", { what, error: String(error) });
			}
		}
	}
}

/** Starts everything or, with the reason, nothing. */
export async function startDaemon(config: DaemonConfig, logger: Logger): Promise<Daemon> {
	const undo = new Undo();
	try {
		return await assemble(config, logger, undo);
	} catch (thrown) {
		await undo.all(logger);
		throw thrown;
	}
}

async function assemble(config: DaemonConfig, logger: Logger, undo: Undo): Promise<Daemon> {
	const directory = config.stateDirectory;
	await mkdir(directory, { recursive: true, mode: 0o700 });
	undo.add("lock", await lockState(directory));
	const ledger = lateLedger();
	const forgotten = Promise.withResolvers<Revocation>();
	const mesh = await openMesh({ config, logger, ledger, onForgotten: forgotten.resolve });
	undo.add("mesh", () => mesh.stop());
	const founds = config.join === null && mesh.cluster() === null;
	const nowMs = Math.floor(systemClock.nowMs());
	if (mesh.cluster() === null) {
		const founder = founds ? voterIdOf({ node: mesh.self, admittedAtMs: nowMs }) : null;
		await beginPromises(join(directory, PROMISES), founder);
	}
	await enterCluster(mesh, config, nowMs);
	const early: Parameters<NodeCore["events"]["add"]>[0][] = [];
	let tell: NodeCore["events"]["add"] = (event) => void early.push(event);
	const state = await openClusterState(directory, mesh, logger, (event) =>
		tell({ timeMs: systemClock.nowMs(), node: mesh.self, ...event }),
	);
	undo.add("state", () => state.stop());
	await takeName(mesh, state, config.name, systemClock);
	await keepConfig(config);
	const authority = () => mesh.cluster()?.authority ?? "";
	const tokens = createTokens({ state, mesh, authority, clock: systemClock, chance: systemChance });
	ledger.open(state, tokens);
	tokens.serve();
	undo.add("revocations", heedRevocations(mesh, state));
	const store = await openImageStore({ directory: join(directory, "images"), logger, clock: systemClock });
	const { ports, archives } = await openPorts({
		config,
		mesh,
		state,
		store,
		logger,
		undo,
		published: () =>
			void core.publishImages().catch((error: unknown) => {
				logger.warn("the cluster is not told of an image that came", { error: String(error) });
			}),
	});
	const core = new NodeCore(ports);
	tell = (event) => core.events.add(event);
	const splits = await keepSplits(join(directory, "splits.json"), core.events, mesh.self, logger);
	undo.add("splits", () => splits.stop());
	for (const event of early) tell(event);
	let stop: () => void = () => {};
	const asked = new Promise<void>((resolve) => {
		stop = resolve;
	});
	const journal = join(directory, "journal");
	const forget = () => {
		undo.addFirst("journal", () => rm(journal, { force: true }));
		undo.addFirst("promises", () => rm(join(directory, PROMISES), { force: true }));
		stop();
	};
	await rm(join(directory, "commits"), { recursive: true, force: true });
	const parts = { config, mesh, store, ports, archives, core, tokens, splits, stop: () => stop(), forget };
	const daemon = createDaemonActions(parts);
	const capabilities = await openCapabilities(directory, mesh, state);
	const router = createRouter({ ports, operations: core.operations, events: core.events, daemon, capabilities });
	serveMesh(mesh, router);
	const giveUp = async (revocation: Revocation) => {
		await endContainers(ports);
		await leaveMark(directory, revocation);
		await mesh.leaveCluster();
		forget();
	};
	const word = await wordOfPeers(mesh, state, forgotten.promise);
	if (word !== null) {
		await giveUp(word);
		throw forgottenError(word, directory);
	}
	await core.start();
	undo.add("core", () => core.stop());
	undo.add("name", keepNameUnique(parts));
	void forgotten.promise
		.then((revocation) => core.stop().then(() => giveUp(revocation)))
		.catch((error: unknown) =>
			logger.error("this node is forgotten and cannot end in order", { error: String(error) }),
		);
	for (const workload of interruptedImports(state.view(), ports.runtime.list(), mesh.self)) {
		logger.warn("an import was interrupted: what came of it is removed", { workload });
		core.operations.remove(workload, new AbortController().signal).catch((error: unknown) => {
			logger.error("an interrupted import cannot be removed", { workload, error: String(error) });
		});
	}
	await receiveGuests({ mesh, state, router, logger, undo });
	await serveLocal(directory, router, undo);
	const ended = asked.then(() => undo.all(logger));
	const wish = { ttlMs: TOKEN_MS, uses: TOKEN_USES, role: "member" } as const;
	const report = { ping: daemon.ping(), join: founds ? await daemon.createToken(wish) : null };
	return { report, ended, stop };
}

/** The join line that the founder of a cluster prints. */
const TOKEN_MS = 60 * 60_000;
const TOKEN_USES = 16;

async function openClusterState(
	directory: string,
	mesh: Libp2pMesh,
	logger: Logger,
	onEvent: Parameters<typeof openState>[0]["onEvent"],
): Promise<State> {
	const identity = await loadIdentity(directory);
	let certificate = mesh.cluster()?.certificate.bytes;
	return openState({
		self: mesh.self,
		disk: await openDisk(join(directory, "journal")),
		signer: signerOf(identity),
		verifier: createVerifier(),
		certificate() {
			certificate = mesh.cluster()?.certificate.bytes ?? certificate;
			// While this node leaves, its last one.
			if (certificate !== undefined) return certificate;
			throw new SwarmError("failed", "Cannot open the state: this node is in no cluster");
		},
		admit: (writer, certificate) => roleIn(mesh, writer, certificate),
		mesh,
		clock: systemClock,
		chance: systemChance,
		logger: logger.with({ part: "state" }),
		onEvent,
	});
}

interface Opened {
	readonly config: DaemonConfig;
	readonly mesh: Libp2pMesh;
	readonly state: State;
	readonly store: ImageStore;
	readonly logger: Logger;
	readonly undo: Undo;
	/** After an image came from a peer. */
	readonly published: () => void;
}

interface OpenedPorts {
	readonly ports: NodePorts;
	/** For exports and imports of containers: what moves have, with files of their own. */
	readonly archives: StateArchiveParts;
}

async function openPorts(opened: Opened): Promise<OpenedPorts> {
	const { config, mesh, state, store, logger, undo } = opened;
	const directory = config.stateDirectory;
	const runtime = await openContainers(directory, mesh.self, logger);
	undo.add("runtime", () => runtime.close());
	const known = state.own("node");
	const membership = new Membership({
		mesh,
		clock: systemClock,
		logger: logger.with({ part: "membership" }),
		incarnation: (known?.kind === "node" ? known.incarnation : 0) + 1,
		sample: createSampler("/", directory, systemClock),
	});
	membership.start();
	undo.add("membership", () => membership.stop({ leaving: false }));
	const leases = await openLeases(opened, runtime);
	undo.add("leases", () => leases.stop());
	const images = nodeImages({ store, mesh, logger, onFetched: opened.published });
	const hardware = await readHardware("/");
	const moving: MigrationPorts = {
		state,
		mesh,
		runtime,
		images,
		leases,
		journal: createFileJournal(join(directory, "moves")),
		files: createMoveFiles(join(directory, "moving")),
		facts: await factsReader(hardware),
		validateSpec,
		clock: systemClock,
		chance: systemChance,
		logger: logger.with({ part: "migration" }),
	};
	const archived = join(directory, "archives");
	await rm(archived, { recursive: true, force: true });
	const archives = {
		migration: { ...moving, files: createMoveFiles(archived) },
		containersPath: join(directory, "containers"),
	};
	const ports: NodePorts = {
		own: () => ownSubject(mesh, config.name),
		version: VERSION,
		labels: config.labels,
		hardware,
		state,
		mesh,
		membership,
		runtime,
		images,
		migrations: createMigrations(moving),
		leases,
		keepSuperseded: keeperIn(directory, (held) => readSourceFacts(moving, held), logger),
		probe: createProbe(runtime),
		clock: systemClock,
		chance: systemChance,
		logger,
	};
	return { ports, archives };
}

/** What this node promised as a voter on leases. */
const PROMISES = "promises";

/** Before the cluster is there: the first voter is its founder. Who joins learns from the state who votes. */
async function beginPromises(path: string, founder: VoterId | null): Promise<void> {
	await rm(path, { force: true });
	if (founder === null) return;
	const promises = await openPromises(await openDisk(path));
	await promises.keepElectorate({ number: 0, voters: [founder], before: [] });
	await promises.close();
}

async function openLeases({ config, mesh, state, logger }: Opened, runtime: Runtime): Promise<Leases> {
	const path = join(config.stateDirectory, PROMISES);
	// A node that has been in the cluster and lost them waits for one lease before it votes.
	const isMissing = state.own("node") !== null && !existsSync(path);
	const promises = await openPromises(await openDisk(path));
	const leases = new Leases({
		self: mesh.self,
		mesh,
		clock: systemClock,
		chance: systemChance,
		logger: logger.with({ part: "leases" }),
		guard: {
			nowMs: () => runtime.guardNowMs(),
			extend: (container, epoch, untilMs) => runtime.extendLease(container, epoch, untilMs),
		},
		promises,
		isForgetful: isMissing || promises.isDamaged,
		state: electoratePort(state),
	});
	leases.start();
	return leases;
}

/** Of a node that leaves at this moment: as it was called. */
function ownSubject(mesh: Libp2pMesh, name: string): OwnSubject {
	const certificate = mesh.cluster()?.certificate;
	if (certificate === undefined) return { name, role: "member", admittedAtMs: 0 };
	return { name: certificate.name, role: certificate.role, admittedAtMs: certificate.admittedAtMs };
}

async function factsReader(hardware: HardwareProfile): Promise<() => Promise<LocalFacts>> {
	const machine = await readMachineFacts("/", hardware, findCriu()?.version ?? null);
	return async () => ({ machine, memoryBytesFree: await readMemoryBytesFree("/"), leaving: false });
}

async function openContainers(directory: string, self: NodeId, logger: Logger): Promise<Runtime> {
	return openRuntime({
		stateDirectory: directory,
		scope: scopeOf(self),
		native: loadNative(),
		paths: nativePaths(),
		clock: systemClock,
		logger: logger.with({ part: "runtime" }),
		checkpoints: checkpointsWith(findCriu()),
	});
}

async function openCapabilities(directory: string, mesh: Libp2pMesh, state: State): Promise<Capabilities> {
	return createCapabilities({
		state,
		clock: systemClock,
		sign: signerOf(await loadIdentity(directory)),
		certificate: () => mesh.cluster()?.certificate ?? null,
		addresses: () => guestAddresses(mesh, state),
	});
}

interface Hosting {
	readonly mesh: Libp2pMesh;
	readonly state: State;
	readonly router: ApiHandler;
	readonly logger: Logger;
	readonly undo: Undo;
}

async function receiveGuests({ mesh, state, router, logger, undo }: Hosting): Promise<void> {
	const audit = openAudit({ state, clock: systemClock, logger: logger.with({ part: "audit" }) });
	undo.add("audit", () => audit.stop());
	const isMember = (node: NodeId, certificate: Uint8Array) => isStillMember(mesh, state, node, certificate);
	const addresses = () => guestAddresses(mesh, state);
	mesh.guests.receive(createGuestDoor({ state, clock: systemClock, audit, router, isMember, addresses }));
	undo.add(
		"guests",
		state.subscribe(() => mesh.guests.review()),
	);
}

/** Where guests find the cluster: here first. */
function guestAddresses(mesh: Libp2pMesh, state: State): readonly string[] {
	const others = [...state.view().nodes.values()].filter((record) => !record.left && record.node !== mesh.self);
	return [...mesh.addresses(), ...others.flatMap((record) => record.addresses)];
}

async function serveLocal(directory: string, router: ApiHandler, undo: Undo): Promise<void> {
	const server = await serveHttp(join(directory, SOCKET_NAME), router);
	undo.add("socket", () => server.close());
}
