// Capabilities that this node makes, those that the cluster knows, and what was taken back of them.

import type { Clock } from "../../clock.js";
import { GRANT_LABELS_MAX } from "../../crdt/record-codec.js";
import type { ClusterView, State } from "../../crdt/state.js";
import { SwarmError, shown } from "../../errors.js";
import {
	CAPABILITY_MS_LIFE_MAX,
	type Capability,
	createHolder,
	describeCapability,
	formatCapability,
	issueCapability,
} from "../../mesh/capability.js";
import { isNodeId, type Signer } from "../../mesh/identity.js";
import { type CapabilityRecord, type NodeId, type RevocationRecord, type Verb, verbs } from "../../model.js";
import type { AuditRow, CapabilityMade, CapabilityRequest, CapabilityRow } from "../api/contract.js";

/** Capabilities of one node that are neither expired nor revoked. */
export const CAPABILITIES_PER_NODE_MAX = 1_000;
const MS_LIFE_MIN = 1_000;
const NOTE_CHARACTERS_MAX = 200;
const LABEL_CHARACTERS_MAX = 256;
const ADDRESSES_MAX = 8;

export interface Capabilities {
	/** Resolves when it is on disk. Codes `usage`, `too-large`. */
	create(request: CapabilityRequest): Promise<CapabilityMade>;
	list(): readonly CapabilityRow[];
	/** By id, or the beginning of one that the cluster knows; codes `not-found`, `usage`. */
	revoke(id: string): Promise<void>;
	audit(filter: { readonly tail: number | null; readonly capability: string | null }): readonly AuditRow[];
}

export interface CapabilitiesOptions {
	readonly state: State;
	readonly clock: Clock;
	readonly sign: Signer;
	/** This node's certificate, as long as it is in a cluster. */
	readonly certificate: () => { readonly bytes: Uint8Array; readonly clusterId: string } | null;
	readonly addresses: () => readonly string[];
}

export function createCapabilities(options: CapabilitiesOptions): Capabilities {
	const { state, clock } = options;
	return {
		async create(request) {
			const certificate = options.certificate();
			if (certificate === null)
				throw new SwarmError("conflict", "Cannot make a capability: this node is in no cluster");
			refuseTooMany(state, clock.nowMs());
			const holder = request.holder === null ? createHolder() : null;
			const createdAtMs = Math.floor(clock.nowMs());
			const expiresAtMs = createdAtMs + request.ttlMs;
			const grant = { verbs: request.verbs, labels: request.labels, expiresAtMs };
			const named = holder?.node ?? (request.holder as NodeId);
			const first = { clusterId: certificate.clusterId, issuer: state.self, certificate: certificate.bytes };
			const chain = issueCapability({ ...first, holder: named, grant }, options.sign);
			const { id } = describeCapability(chain);
			const { note } = request;
			await state.commit([{ kind: "capability", id, writer: state.self, holder: named, note, createdAtMs, ...grant }]);
			const held = { chain, key: holder?.privateKey ?? null, addresses: options.addresses().slice(0, ADDRESSES_MAX) };
			return { capability: formatCapability(held), id, holder: named, expiresAtMs };
		},
		list: () => [...state.view().capabilities.values()].map((record) => rowOf(state.view(), record, clock.nowMs())),
		async revoke(text) {
			const id = idOf(state.view(), text);
			const known = state.view().capabilities.get(id);
			const nowMs = Math.floor(clock.nowMs());
			const revocation: RevocationRecord = {
				kind: "revocation",
				of: "capability",
				id,
				writer: state.self,
				revokedAtMs: nowMs,
				name: null,
				statement: null,
				expiresAtMs: known?.expiresAtMs ?? nowMs + CAPABILITY_MS_LIFE_MAX,
			};
			await state.commit([revocation]);
		},
		audit: (filter) => auditRows(state.view(), filter),
	};
}

/** Why a verified capability is not good any more; null while it is. Part of every call of a guest. */
export function objectionTo(capability: Capability, view: ClusterView, nowMs: number): string | null {
	const { grant, ids, issuer } = capability;
	if (grant.expiresAtMs <= nowMs) return `it expired at ${new Date(grant.expiresAtMs).toISOString()}`;
	if (ids.some((id) => view.revocations.get(id)?.of === "capability")) return "it was revoked";
	const maker = view.nodes.get(issuer);
	if (maker === undefined || maker.left) return `${maker?.name ?? issuer}, who made it, is no member any more`;
	return maker.role === "reader" ? `${maker.name}, who made it, is a reader` : null;
}

/** What a caller sent, checked; code `usage` names the field. */
export function capabilityRequestOf(body: unknown): CapabilityRequest {
	const given = body as Partial<Record<keyof CapabilityRequest, unknown>>;
	const wrong = (field: keyof CapabilityRequest, wanted: string) =>
		new SwarmError("usage", `Cannot make a capability: ${field} is ${shown(given[field], 100)}, wanted ${wanted}`);
	const { ttlMs, holder = null, note = "", labels = {} } = given;
	if (!isVerbs(given.verbs)) throw wrong("verbs", `some of ${verbs.join(", ")}`);
	if (!isLabels(labels)) throw wrong("labels", `up to ${GRANT_LABELS_MAX} texts by name`);
	if (typeof ttlMs !== "number" || !(ttlMs >= MS_LIFE_MIN && ttlMs <= CAPABILITY_MS_LIFE_MAX))
		throw wrong("ttlMs", "1 second to 90 days");
	if (holder !== null && !isNodeId(holder)) throw wrong("holder", "a peer id such as 12D3Koo…, or null");
	if (typeof note !== "string" || note.length > NOTE_CHARACTERS_MAX)
		throw wrong("note", `at most ${NOTE_CHARACTERS_MAX} characters`);
	return {
		verbs: verbs.filter((verb) => (given.verbs as readonly Verb[]).includes(verb)),
		labels,
		ttlMs,
		holder,
		note,
	};
}

function isVerbs(value: unknown): value is readonly Verb[] {
	const known: readonly unknown[] = verbs;
	return Array.isArray(value) && value.length > 0 && value.every((verb) => known.includes(verb));
}

function isLabels(value: unknown): value is Readonly<Record<string, string>> {
	if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
	const pairs = Object.entries(value);
	const isFine = ([name, text]: readonly [string, unknown]) =>
		typeof text === "string" && Math.max(name.length, text.length) <= LABEL_CHARACTERS_MAX && name !== "";
	return pairs.length <= GRANT_LABELS_MAX && pairs.every(isFine);
}

function refuseTooMany(state: State, nowMs: number): void {
	const { capabilities, revocations } = state.view();
	const own = [...capabilities.values()].filter(
		(one) => one.writer === state.self && one.expiresAtMs > nowMs && !revocations.has(one.id),
	);
	if (own.length < CAPABILITIES_PER_NODE_MAX) return;
	const message = `Cannot make a capability: ${CAPABILITIES_PER_NODE_MAX} of this node are valid, revoke some first`;
	throw new SwarmError("too-large", message);
}

function rowOf(view: ClusterView, record: CapabilityRecord, nowMs: number): CapabilityRow {
	const { id, holder, note, verbs: granted, labels, createdAtMs, expiresAtMs, writer } = record;
	const maker = view.nodes.get(writer);
	const isRevoked = view.revocations.has(id);
	const ended = expiresAtMs <= nowMs ? "expired" : maker === undefined || maker.left ? "orphaned" : "valid";
	const node = maker?.name ?? writer;
	const state = isRevoked ? "revoked" : ended;
	return { id, node, holder, note, verbs: granted, labels, createdAtMs, expiresAtMs, state };
}

function idOf(view: ClusterView, text: string): string {
	if (/^[0-9a-f]{32}$/.test(text)) return text;
	const known = [...view.capabilities.keys()].filter((id) => text !== "" && id.startsWith(text));
	if (known.length === 1 && known[0] !== undefined) return known[0];
	const why =
		known.length === 0 ? "none is known by that id" : `it stands for ${known.length} of them, give more of it`;
	const code = known.length === 0 ? "not-found" : "usage";
	throw new SwarmError(code, `Cannot revoke the capability ${text}: ${why}, see \`swarm capability ls\``);
}

function auditRows(view: ClusterView, filter: Parameters<Capabilities["audit"]>[0]): readonly AuditRow[] {
	const { tail, capability } = filter;
	const rows = view.audits.flatMap(({ node, first, entries }) =>
		entries.map((entry, index) => ({ ...entry, node: view.nodes.get(node)?.name ?? node, number: first + index })),
	);
	const wanted = rows.filter((row) => capability === null || row.capability.startsWith(capability));
	wanted.sort((a, b) => a.timeMs - b.timeMs || a.number - b.number);
	return tail === null ? wanted : wanted.slice(Math.max(0, wanted.length - tail));
}
