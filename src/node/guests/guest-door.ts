// The third door to the API, for guests: every call is held against the guest's capability, noted in the audit log, and then answered by
// the same router that answers the socket. Must never: let a call through that rules.ts does not name.

import type { Clock } from "../../clock.js";
import type { State } from "../../crdt/state.js";
import { asSwarmError, SwarmError } from "../../errors.js";
import { type Capability, covers, permits, verifyCapability } from "../../mesh/capability.js";
import type { Guest, GuestHost } from "../../mesh/guests.js";
import type { MeshStream } from "../../mesh/mesh.js";
import { type NodeId, type Spec, volumeNamesOf, workloadOf } from "../../model.js";
import { answerStream } from "../api/mesh-door.js";
import type { ApiHandler } from "../api/message.js";
import { type ApiCall, errorAnswer, jsonBody } from "../api/message.js";
import { resolveContainer } from "../rows.js";
import { validateSpec } from "../spec/validate-spec.js";
import type { AuditLog, AuditUse } from "./audit.js";
import { objectionTo } from "./capabilities.js";
import { type Rule, ruleOf } from "./rules.js";

export interface GuestDoorOptions {
	readonly state: State;
	readonly clock: Clock;
	readonly audit: AuditLog;
	readonly router: ApiHandler;
	readonly isMember: (node: NodeId, certificate: Uint8Array) => boolean;
	/** Of all members that guests may go to, this node's first. */
	readonly addresses: () => readonly string[];
}

type OpenCall = Omit<ApiCall, "local" | "guest">;

export function createGuestDoor(options: GuestDoorOptions): GuestHost {
	const { state, clock, audit } = options;
	const objection = (capability: Capability) => objectionTo(capability, state.view(), clock.nowMs());
	return {
		verify: (chain, holder) => verifyCapability(chain, { holder, isMember: options.isMember }),
		objection,
		shown: ({ id, holder }, refusal) => audit.note({ capability: id, holder, verb: "connect", subject: "", refusal }),
		addresses: options.addresses,
		answer: (stream: MeshStream, guest: Guest) =>
			answerStream(stream, async (call) => {
				const { use, permitted } = await judged(options, guest, call);
				audit.note(use);
				if (permitted instanceof SwarmError) return errorAnswer(permitted);
				return options.router({
					...permitted,
					local: false,
					guest: { sees: (name) => seesWorkload(state, guest, name) },
				});
			}),
	};
}

interface Judgement {
	readonly use: AuditUse;
	/** The call, its body still to be read; or why not. */
	readonly permitted: OpenCall | SwarmError;
}

async function judged(options: GuestDoorOptions, guest: Guest, call: OpenCall): Promise<Judgement> {
	const found = ruleOf(call.method, call.path);
	const who = { capability: guest.capability.id, holder: guest.peer };
	const about = { ...who, verb: found?.rule.verb ?? "unknown", subject: subjectOf(found?.name ?? "", call.path) };
	try {
		if (found === null)
			throw refused(`${call.method} ${call.path}`, "no capability is enough for it, only the node's own socket");
		const { rule, name } = found;
		const why =
			objectionTo(guest.capability, options.state.view(), options.clock.nowMs()) ??
			permits(guest.capability.grant, rule.verb, options.clock.nowMs());
		if (why !== null) throw refused(rule.verb, why);
		if (rule.subject === "spec") {
			const { spec, body } = await specIn(call);
			refuseSpec(guest.capability, spec);
			refuseVolumes(options.state, guest, spec);
			return { use: { ...about, subject: spec.name, refusal: null }, permitted: { ...call, body } };
		}
		refuseSubject(options.state, guest, rule, name);
		return { use: { ...about, refusal: null }, permitted: call };
	} catch (thrown) {
		const error = asSwarmError(thrown, `answer ${call.method} ${call.path}`);
		return { use: { ...about, refusal: error.message }, permitted: error };
	}
}

/** The name in the path, else what of the API it is: `containers`. */
function subjectOf(name: string, path: string): string {
	return name === "" ? path.replace(/^\/v1\//, "") : name;
}

function refuseSubject(state: State, guest: Guest, { verb, subject }: Rule, name: string): void {
	const wanted = labelsInWords(guest.capability);
	if (wanted === "" || subject === "cluster") return;
	if (subject === "everything") throw refused(verb, `the capability is only for workloads with ${wanted}`);
	const found = subject === "container" ? resolveContainer(state.view(), name) : null;
	const workload = found === null ? name : typeof found === "string" ? workloadOf(name as never) : found.spec.name;
	// The same for one that does not exist: others' names are nobody's business.
	if (!seesWorkload(state, guest, workload))
		throw refused(`${verb} ${name}`, `there is no workload ${workload} with ${wanted}`);
}

function seesWorkload(state: State, { capability }: Guest, workload: string): boolean {
	if (Object.keys(capability.grant.labels).length === 0) return true;
	const spec = state.view().specs.get(workload);
	return spec !== undefined && covers(capability.grant, spec.spec.labels);
}

function refuseSpec(capability: Capability, spec: Spec): void {
	if (!covers(capability.grant, spec.labels))
		throw refused(`deploy ${spec.name}`, `the capability is only for workloads with ${labelsInWords(capability)}`);
	const power = powerOf(spec);
	if (power !== null && !capability.grant.verbs.includes("privileged"))
		throw refused(`deploy ${spec.name}`, `its ${power} needs the verb privileged, which the capability has not`);
}

/** A guest for the workloads with some labels gets no data of others: of a volume that is there all users must be among those it sees. */
function refuseVolumes(state: State, guest: Guest, spec: Spec): void {
	const wanted = labelsInWords(guest.capability);
	if (wanted === "") return;
	const { specs, volumes } = state.view();
	for (const name of volumeNamesOf(spec)) {
		const users = [...specs.values()].filter((record) => !record.removed && volumeNamesOf(record.spec).includes(name));
		const isTheirs = users.some((user) => seesWorkload(state, guest, user.name));
		const isOthers = users.some((user) => !seesWorkload(state, guest, user.name));
		const labelled = volumes.filter((volume) => volume.name === name);
		const isFree = labelled.every(({ labels }) => isTheirs || covers(guest.capability.grant, labels));
		if (isOthers || !isFree)
			throw refused(`deploy ${spec.name}`, `the volume ${name} is there and not of a workload with ${wanted}`);
	}
}

/** What lets a container do more to its node than the others; null when nothing does. */
function powerOf({ isolation, network, security, volumes }: Spec): string | null {
	if (isolation === "minimal") return "isolation minimal";
	if (volumes.some(({ kind }) => kind === "bind")) return "path of the node";
	if (network === "host") return "network host";
	if (security.devices.length > 0) return "devices";
	if (security.seccomp !== "default") return "seccomp profile";
	const { add, ambient } = security.capabilities;
	if (add.length > 0 || ambient.length > 0) return "added capabilities";
	return (security.oomScoreAdj ?? 0) < 0 ? "oomScoreAdj below 0" : null;
}

async function specIn(call: OpenCall): Promise<{ readonly spec: Spec; readonly body: ApiCall["body"] }> {
	const given = await jsonBody({ ...call, local: false, guest: null });
	const again = async function* () {
		yield Buffer.from(JSON.stringify(given));
	};
	return { spec: validateSpec(given), body: again() };
}

function labelsInWords({ grant }: Capability): string {
	const pairs = Object.entries(grant.labels).map(([name, value]) => `${name}=${value}`);
	return pairs.length === 0 ? "" : `the ${pairs.length === 1 ? "label" : "labels"} ${pairs.join(", ")}`;
}

function refused(what: string, why: string): SwarmError {
	return new SwarmError("refused", `Cannot ${what}: ${why}`);
}
