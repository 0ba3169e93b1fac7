// One simulated node: a machine and the daemon on it, made of the product's own parts (store, membership, node core) over
// simulated ports. Only what touches the outside is simulated.

import { voterIdOf } from "../../../src/crdt/electorates.js";
import type { State } from "../../../src/crdt/state.js";
import { openState } from "../../../src/crdt/store.js";
import { createLogger, type Logger } from "../../../src/log.js";
import { Membership } from "../../../src/mesh/membership.js";
import { createMigrations } from "../../../src/migration/coordinator.js";
import type { MachineFacts } from "../../../src/migration/verdict.js";
import type { HardwareProfile, NodeId, NodeSample } from "../../../src/model.js";
import { NodeCore } from "../../../src/node/core.js";
import { electoratePort } from "../../../src/node/lease/electorate-port.js";
import { Leases } from "../../../src/node/lease/leases.js";
import { openPromises, type Promises } from "../../../src/node/lease/promises.js";
import type { ImagesPort, KeepSuperseded, NodePorts } from "../../../src/node/ports.js";
import { validateSpec } from "../../../src/node/spec/validate-spec.js";
import type { PreparedImage } from "../../../src/runtime/runtime.js";
import { type Break, electorateOf, journalDiskOf, promisesDiskOf, voterClockOf } from "./breaks.js";
import type { SimChance } from "./sim-chance.js";
import type { SimMachine } from "./sim-machine.js";
import type { SimNetwork } from "./sim-mesh.js";
import { simMoveFiles, simMoveJournal } from "./sim-move-files.js";
import { nameOf } from "./sim-names.js";
import { createSimProcess, type SimProcess } from "./sim-process.js";
import { openSimRuntime } from "./sim-runtime.js";
import { signerFor, simVerifier } from "./sim-signature.js";
import type { Timeline } from "./timeline.js";

export interface SimDaemon {
	readonly process: SimProcess;
	readonly state: State;
	readonly membership: Membership;
	readonly core: NodeCore;
	readonly ports: NodePorts;
}

export interface DaemonSurroundings {
	readonly machine: SimMachine;
	readonly network: SimNetwork;
	readonly timeline: Timeline;
	/** Of this life of the daemon alone. */
	readonly chance: SimChance;
	readonly clockOffsetMs: number;
	readonly clockRate: number;
	/** Who votes first, in rising order. */
	readonly founders: readonly NodeId[];
	readonly broken: Break | null;
	/** A line of a trace; null: no trace. */
	readonly trace: ((line: string) => void) | null;
}

/** Starts a daemon; `onUp` runs when it acts on the view, `onExit` when it cannot start. A killed one gets to neither. */
export function startSimDaemon(
	around: DaemonSurroundings,
	onUp: (daemon: SimDaemon) => void,
	onExit: (reason: Error) => void,
): SimProcess {
	const { timeline, clockOffsetMs, clockRate } = around;
	const process = createSimProcess(timeline, { offsetMs: clockOffsetMs, rate: clockRate });
	assemble(around, process).then(
		(daemon) => {
			if (process.isAlive()) onUp(daemon);
		},
		(thrown) => {
			if (process.isAlive()) onExit(thrown);
		},
	);
	return process;
}

async function assemble(around: DaemonSurroundings, process: SimProcess): Promise<SimDaemon> {
	const { machine, network, timeline, chance } = around;
	const self = machine.node;
	const logger = loggerOf(around, process);
	const { clock } = process;
	const mesh = network.join(self, process);
	const state = await openState({
		self,
		disk: journalDiskOf(machine.disk.openFor(process), around.broken),
		signer: signerFor(self),
		verifier: simVerifier,
		certificate: () => new TextEncoder().encode(`member ${self}`),
		admit: (writer, certificate) => (new TextDecoder().decode(certificate) === `member ${writer}` ? "member" : null),
		mesh,
		clock,
		chance: chance.split("state"),
		logger,
		onEvent: (event) => around.trace?.(`${self} event ${event.kind} ${event.message}`),
	});
	const known = state.own("node");
	const membership = new Membership({
		mesh,
		clock,
		logger,
		incarnation: (known?.kind === "node" ? known.incarnation : 0) + 1,
		sample: () => sampleAt(clock.nowMs(), machine),
	});
	membership.start();
	const watch = () => membership.watch([...state.view().nodes.keys()]);
	watch();
	state.subscribe(watch);
	const runtime = openSimRuntime(machine, process, timeline, chance.split("runtime"));
	const images = simImages;
	const promises = await openedPromises(around, process);
	const leases = new Leases({
		...{ self, mesh, chance: chance.split("leases"), logger, promises },
		clock: voterClockOf(clock, around.broken),
		guard: {
			nowMs: () => runtime.guardNowMs(),
			extend: (container, epoch, untilMs) => runtime.extendLease(container, epoch, untilMs),
		},
		isForgetful: promises.isDamaged,
		state: electorateOf(self, electoratePort(state), around.broken),
	});
	leases.start();
	const common = { state, mesh, runtime, images, leases, clock, chance: chance.split("node"), logger };
	const ports: NodePorts = {
		...common,
		own: () => ({ name: nameOf(self), role: "member", admittedAtMs: 0 }),
		version: "0.0.0",
		labels: {},
		hardware: HARDWARE,
		membership,
		migrations: createMigrations({
			...common,
			journal: simMoveJournal(machine, process),
			files: simMoveFiles(machine, process),
			facts: async () => ({ machine: MACHINE, memoryBytesFree: 4 * 1024 ** 3, leaving: false }),
			validateSpec,
		}),
		keepSuperseded: keepNothing,
		probe: async () => {},
	};
	const core = new NodeCore(ports);
	await process.answer(core.start());
	return { process, state, membership, core, ports };
}

/** As the founder of a cluster begins; here all that are there from the beginning have founded it. */
async function openedPromises(
	{ machine, broken, founders }: DaemonSurroundings,
	process: SimProcess,
): Promise<Promises> {
	const promises = await openPromises(promisesDiskOf(machine.promises.openFor(process), broken));
	if (promises.electorate !== null || !founders.includes(machine.node)) return promises;
	const electorate = { number: 0, voters: founders.map((node) => voterIdOf({ node })), before: [] };
	await promises.keepElectorate(electorate);
	return { ...promises, electorate };
}

/** Entries of the product's own logger, into the trace. */
function loggerOf(around: DaemonSurroundings, process: SimProcess): Logger {
	const { trace, machine } = around;
	return createLogger(
		(line) => trace !== null && process.isAlive() && trace(`${machine.node} ${shorten(line)}`),
		"debug",
	);
}

function shorten(line: string): string {
	const { time: _, ...entry } = JSON.parse(line) as Record<string, unknown>;
	return JSON.stringify(entry).slice(0, 400);
}

function sampleAt(takenAtMs: number, machine: SimMachine): NodeSample {
	return {
		takenAtMs,
		load1: machine.running().length,
		load5: machine.running().length,
		memoryBytesAvailable: 4 * 1024 ** 3,
		cpuPressure: 0,
		memoryPressure: 0,
		ioPressure: 0,
		temperatureCelsius: null,
		thermalHeadroomCelsius: null,
		diskBytesFree: 100 * 1024 ** 3,
	};
}

const HARDWARE: HardwareProfile = {
	architecture: "x64",
	kernel: "6.12.0",
	cpuModel: null,
	cpuFlags: ["sse2"],
	cpus: 4,
	cores: 4,
	memoryBytes: 8 * 1024 ** 3,
	numa: [],
	pci: [],
	gpus: [],
	sensors: [],
};

const MACHINE: MachineFacts = {
	architecture: HARDWARE.architecture,
	cpuFlags: HARDWARE.cpuFlags,
	kernel: HARDWARE.kernel,
	criuVersion: "4.2.1",
	kernelFeatures: [],
};

const IMAGE: PreparedImage = {
	name: "host",
	digest: `sha256:${"1".repeat(64)}` as PreparedImage["digest"],
	lowerDirectories: [],
	hostPaths: ["/usr"],
	config: { entrypoint: [], command: ["count"], env: {}, workdir: "/", user: "root", stopSignal: 15 },
};

/** Every node has the one image. */
const simImages: ImagesPort = {
	list: () => [{ name: IMAGE.name, digest: IMAGE.digest, sizeBytes: 0 }],
	prepare: async () => IMAGE,
	ensure: async () => IMAGE,
};

/** The product freezes and checkpoints the loser of a split; here it is enough that it does not run on. */
const keepNothing: KeepSuperseded = async (state, runtime) => {
	if (state.phase === "running") await runtime.pause(state.container, state.epoch);
	return "nowhere";
};
