// Whether a container can move to a node: pure checks over what both ends know, each with both values and a sentence. Nothing
// is refused silently and nothing passes unseen. Must never read a machine itself (facts.ts does).

import type { ContainerId, NodeId, Phase, PublishedPort, Verdict, VerdictCheck } from "../model.js";
import type { VolumeState } from "../runtime/volumes/volumes.js";

/** What a machine is, as far as a move cares. */
export interface MachineFacts {
	readonly architecture: string;
	readonly cpuFlags: readonly string[];
	readonly kernel: string;
	/** `4.2.1`; null where this machine cannot checkpoint. */
	readonly criuVersion: string | null;
	/** Kernel features that a restore can need and that a kernel can lack: `overlay`, `time_ns`, `cgroup_v2_freeze`, … */
	readonly kernelFeatures: readonly string[];
}

/** The source's own facts, sent with the offer. */
export interface SourceFacts {
	readonly machine: MachineFacts;
	readonly phase: Phase;
	/** Resident memory, an upper bound of what the images hold. */
	readonly memoryBytes: number;
	/** Written files and logs. */
	readonly fileBytes: number;
	readonly imageName: string;
	readonly imageDigest: string;
	readonly address: string | null;
	readonly ports: readonly PublishedPort[];
	readonly memoryBytesRequested: number | null;
	/** Named volumes that move with it. */
	readonly volumes: readonly (VolumeState & { readonly bytes: number })[];
	/** Whether it has a user namespace: what is in its memory can only go on in one. */
	readonly userNamespace: boolean;
}

/** What the target finds on itself for that offer. */
export interface TargetFacts {
	readonly machine: MachineFacts;
	readonly diskBytesFree: number;
	/** Less what other moves reserved. */
	readonly memoryBytesFree: number;
	/** Container of that id, or a move of it, here already. */
	readonly holdsContainer: boolean;
	/** Containers here that use the address or one of the ports; null for free. */
	readonly addressHolder: ContainerId | null;
	readonly portHolder: { readonly port: string; readonly container: ContainerId } | null;
	readonly imageState:
		| { readonly kind: "present" }
		| { readonly kind: "missing"; readonly bytes: number | null }
		/** The name stands for other content here (another `host`). */
		| { readonly kind: "differs"; readonly digest: string };
	readonly leaving: boolean;
	/** Of the named volumes, those that it has under that name already. */
	readonly volumesHere: readonly string[];
	/** Of the shared paths of the node, why they cannot be shown there. */
	readonly pathsLacking: readonly string[];
	/** Why this container, with the paths that it shows, can have none there, one line; null: it can. */
	readonly userNamespaceLack: string | null;
}

/** Kept free on the target's disk whatever arrives. */
export const DISK_BYTES_RESERVE = 256 * 1024 * 1024;

const MIB = 1024 * 1024;

export interface VerdictParties {
	readonly container: ContainerId;
	readonly from: NodeId;
	readonly to: NodeId;
}

/** Checks that need no answer of the target. Empty target values where it was not asked. */
export function ownChecks(
	{ container, from, to }: VerdictParties,
	source: Pick<SourceFacts, "phase"> & {
		readonly owner: NodeId | null;
		readonly criuVersion: string | null;
		/** What keeps it here (runtime/security): parts of a sentence. */
		readonly ties: readonly string[];
		/** Others that have one of its volumes. */
		readonly volumeUsers: readonly string[];
	},
): readonly VerdictCheck[] {
	return [
		check("self", from !== to, from, to, `${container} is already there, wanted another node`),
		check("owner", source.owner === from, from, source.owner ?? "nobody", `${container} is not this node's to give`),
		check("phase", source.phase === "running", source.phase, "", phaseRefusal(container, source.phase)),
		check(
			"ties",
			source.ties.length === 0,
			source.ties.length === 0 ? "none" : "some",
			"",
			`it ${source.ties.join(", and it ")}`,
		),
		check(
			"volumes",
			source.volumeUsers.length === 0,
			source.volumeUsers.length === 0 ? "its own" : "in use",
			"",
			`${source.volumeUsers.join(", ")} has a volume of it too, and a volume can be on one node only`,
		),
		check(
			"criu",
			source.criuVersion !== null,
			source.criuVersion ?? "none",
			"",
			"this node has no CRIU that works here: see swarm doctor",
		),
	];
}

function phaseRefusal(container: ContainerId, phase: Phase): string {
	const hint = phase === "paused" ? ": resume it first with `swarm resume`" : "";
	return `${container} is ${phase}, wanted running${hint}`;
}

export function unreachableCheck(to: NodeId, why: string): VerdictCheck {
	return check("alive", false, "", to, `the target does not answer (${why})`);
}

/** The checks that compare both ends, made on the target and printed on the source. */
export function compare(source: SourceFacts, target: TargetFacts): readonly VerdictCheck[] {
	return [
		...compareMachines(source.machine, target.machine),
		spaceCheck(source, target),
		memoryCheck(source, target),
		imageCheck(source, target),
		...(source.volumes.length === 0 ? [] : [volumesCheck(source, target)]),
		...(target.pathsLacking.length === 0
			? []
			: [check("paths", false, "shared", "lacking", target.pathsLacking.join("; "))]),
		check(
			"user namespace",
			!source.userNamespace || target.userNamespaceLack === null,
			source.userNamespace ? "has one" : "none",
			target.userNamespaceLack === null ? "can" : "cannot",
			`its root is nobody outside, which the target cannot do (${target.userNamespaceLack})`,
		),
		check(
			"container",
			!target.holdsContainer,
			"",
			target.holdsContainer ? "present" : "absent",
			"the target holds a container of that name already",
		),
		check(
			"address",
			source.address === null || target.addressHolder === null,
			source.address ?? "none",
			target.addressHolder ?? "free",
			`${target.addressHolder} has the address there`,
		),
		check(
			"ports",
			target.portHolder === null,
			source.ports.map((port) => `${port.protocol}/${port.host}`).join(" ") || "none",
			target.portHolder === null ? "free" : `${target.portHolder.port} taken`,
			`${target.portHolder?.container} publishes ${target.portHolder?.port} there`,
		),
		check("staying", !target.leaving, "", target.leaving ? "leaving" : "staying", "the target is leaving the cluster"),
	];
}

export function verdictOf(parties: VerdictParties, checks: readonly VerdictCheck[]): Verdict {
	return { ...parties, ok: checks.every(({ ok }) => ok), checks };
}

/** All refusals in one sentence. */
export function refusalOf(checks: readonly VerdictCheck[]): string {
	return checks
		.filter(({ ok }) => !ok)
		.map(({ check: name, reason }) => `${name}: ${reason}`)
		.join("; ");
}

function compareMachines(source: MachineFacts, target: MachineFacts): readonly VerdictCheck[] {
	const missing = source.cpuFlags.filter((flag) => !target.cpuFlags.includes(flag));
	const lacks = source.kernelFeatures.filter((feature) => !target.kernelFeatures.includes(feature));
	return [
		check(
			"architecture",
			source.architecture === target.architecture,
			source.architecture,
			target.architecture,
			"a process cannot change its architecture",
		),
		// The process may have looked at the flags once and use any of them; CRIU also restores the whole xsave area.
		check(
			"cpu",
			missing.length === 0,
			`${source.cpuFlags.length} flags`,
			missing.length === 0 ? "all of them" : `lacks ${missing.slice(0, 8).join(" ")}${missing.length > 8 ? " …" : ""}`,
			`the target's CPU lacks ${missing.length} features that the process may use`,
		),
		// Image formats differ between minor versions (facts of CRIU 4.1 and 4.2).
		check(
			"criu",
			source.criuVersion !== null && source.criuVersion === target.criuVersion,
			source.criuVersion ?? "none",
			target.criuVersion ?? "none",
			target.criuVersion === null
				? "the target has no CRIU that works there: see swarm doctor"
				: "both ends need the same version of CRIU",
		),
		check("kernel", lacks.length === 0, source.kernel, target.kernel, `the target's kernel lacks ${lacks.join(", ")}`),
	];
}

function spaceCheck(source: SourceFacts, target: TargetFacts): VerdictCheck {
	const missingImage = target.imageState.kind === "missing" ? (target.imageState.bytes ?? 0) : 0;
	// Layers are stored unpacked besides the blob that is fetched.
	const volumeBytes = volumeBytesOf(source);
	const needed = source.memoryBytes + source.fileBytes + volumeBytes + 2 * missingImage + DISK_BYTES_RESERVE;
	return check(
		"space",
		target.diskBytesFree >= needed,
		`${mebibytes(source.memoryBytes)} memory, ${mebibytes(source.fileBytes)} files${volumeBytes === 0 ? "" : `, ${mebibytes(volumeBytes)} volumes`}`,
		`${mebibytes(target.diskBytesFree)} free`,
		`the move needs ${mebibytes(needed)} on the target's disk`,
	);
}

/** Of all its named volumes. */
export function volumeBytesOf({ volumes }: Pick<SourceFacts, "volumes">): number {
	return volumes.reduce((sum, { bytes }) => sum + bytes, 0);
}

function volumesCheck({ volumes }: SourceFacts, { volumesHere }: TargetFacts): VerdictCheck {
	return check(
		"volume data",
		volumesHere.length === 0,
		volumes.map(({ name, bytes }) => `${name} ${mebibytes(bytes)}`).join(", "),
		volumesHere.length === 0 ? "to be copied" : "taken",
		`the target has a volume ${volumesHere.join(", ")} of its own: see swarm volume ls`,
	);
}

function memoryCheck(source: SourceFacts, target: TargetFacts): VerdictCheck {
	const needed = Math.max(source.memoryBytes, source.memoryBytesRequested ?? 0);
	return check(
		"memory",
		target.memoryBytesFree >= needed,
		mebibytes(needed),
		`${mebibytes(target.memoryBytesFree)} free`,
		`the target has not enough free memory`,
	);
}

function imageCheck(source: SourceFacts, target: TargetFacts): VerdictCheck {
	const name = `${source.imageName}@${source.imageDigest.slice(0, 19)}`;
	const { imageState } = target;
	switch (imageState.kind) {
		case "present":
			return check("image", true, name, "present", "");
		case "missing":
			return check(
				"image",
				true,
				name,
				imageState.bytes === null ? "to be fetched" : `${mebibytes(imageState.bytes)} to be fetched`,
				"",
			);
		case "differs":
			return check(
				"image",
				false,
				name,
				imageState.digest.slice(0, 19),
				`${source.imageName} of the target has other files, and open files must be the same`,
			);
	}
}

function check(name: string, ok: boolean, source: string, target: string, refusal: string): VerdictCheck {
	return { check: name, ok, source, target, reason: ok ? "" : refusal };
}

function mebibytes(bytes: number): string {
	return `${Math.ceil(bytes / MIB).toLocaleString("en-US")} MiB`;
}
