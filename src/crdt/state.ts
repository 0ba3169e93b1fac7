// The port to what the cluster knows. `crdt/store.ts` implements it over Yjs documents, the journal and a Mesh.
// One writer per record: `commit` changes this node's own document only; `view` joins all of them.
// Must never: decode an envelope with Yjs before its signature and size are checked; let a peer write another's document.

import type { SwarmError } from "../errors.js";
import type {
	AdmissionRecord,
	AuditRecord,
	CapabilityRecord,
	ClaimRecord,
	ContainerId,
	ContainerRecord,
	ElectorateRecord,
	ImageRecord,
	NodeId,
	NodeRecord,
	RevocationRecord,
	SpecRecord,
	StateRecord,
	TokenRecord,
	VolumeRecord,
} from "../model.js";
import type { Position } from "./envelope.js";

/** The join of all documents: a pure function of them. The same documents give the same view on every node. */
export interface ClusterView {
	/** A node that was forgotten, and not admitted again since, stands as `left`. */
	readonly nodes: ReadonlyMap<NodeId, NodeRecord>;
	/** Winning record of every workload, tombstones included. */
	readonly specs: ReadonlyMap<string, SpecRecord>;
	/** Winning claim of every container. */
	readonly claims: ReadonlyMap<ContainerId, ClaimRecord>;
	/** Of every container, what each node that has it says, highest epoch first. */
	readonly containers: ReadonlyMap<ContainerId, readonly ContainerRecord[]>;
	readonly images: readonly ImageRecord[];
	/** By id, revoked and expired ones included. */
	readonly tokens: ReadonlyMap<string, TokenRecord>;
	/** One for each token and node; by `<token>.<node>`. */
	readonly admissions: ReadonlyMap<string, AdmissionRecord>;
	/** The latest, by `voters`; empty before this node has heard of one. */
	readonly electorates: ReadonlyMap<string, ElectorateRecord>;
	/** The last of each token, node or block of a capability, by its id. */
	readonly revocations: ReadonlyMap<string, RevocationRecord>;
	/** By id, revoked and expired ones included. */
	readonly capabilities: ReadonlyMap<string, CapabilityRecord>;
	/** By node, then place in its ring. */
	readonly audits: readonly AuditRecord[];
	readonly volumes: readonly VolumeRecord[];
}

export type RecordKey =
	| `spec/${string}`
	| `claim/${string}`
	| `container/${string}`
	| `node`
	| `image/${string}`
	| `token/${string}`
	| `admission/${string}`
	| "electorate/voters"
	| `revocation/${string}`
	| `capability/${string}`
	| `audit/${string}`
	| `volume/${string}`;

/** A document held up to here. */
export interface HeldPosition extends Position {
	readonly writer: NodeId;
}

export interface State {
	readonly self: NodeId;
	view(): ClusterView;
	/** This node's own record under a key; null when it has none. */
	own(key: RecordKey): StateRecord | null;
	/**
	 * Why this node must not change wishes and claims now, else null. `refused`: a member writes a schema it does not
	 * understand; `conflict`: another process runs as this node, which must let nothing run then.
	 */
	readOnly(): SwarmError | null;
	/**
	 * Writes records (under `keyOf(record)`) and drops keys in one transaction of this node's document. Resolves when
	 * the journal is synced to disk; only then do peers hear of it. Rejects with `too-large` past the named limits,
	 * with `refused` while the state is read-only.
	 */
	commit(records: readonly StateRecord[], drop?: readonly RecordKey[]): Promise<void>;
	/** As commit, but without waiting for the disk: for facts that the runtime can tell again. Batched. */
	put(records: readonly StateRecord[], drop?: readonly RecordKey[]): void;
	/**
	 * Envelopes that whoever holds these documents up to these positions lacks: consecutive ones of one document in each chain, all of
	 * them verified and signed. For peers that may follow the state; apply them again until nothing is missing.
	 */
	missingFor(held: readonly HeldPosition[]): readonly (readonly Uint8Array[])[];
	/** Called after the view changed, at most once per batch. */
	subscribe(listener: (view: ClusterView) => void): () => void;
	/** A HybridTime later than every one seen here. */
	time(): { readonly ms: number; readonly logical: number };
	stop(): Promise<void>;
}

export function keyOf(record: StateRecord): RecordKey {
	switch (record.kind) {
		case "spec":
			return `spec/${record.name}`;
		case "claim":
			return `claim/${record.container}`;
		case "container":
			return `container/${record.container}`;
		case "node":
			return "node";
		case "image":
			return `image/${record.name}`;
		case "token":
			return `token/${record.id}`;
		case "admission":
			return `admission/${record.token}.${record.node}`;
		case "electorate":
			return "electorate/voters";
		case "revocation":
			return `revocation/${record.id}`;
		case "capability":
			return `capability/${record.id}`;
		case "audit":
			return `audit/${record.slot}`;
		case "volume":
			return `volume/${record.name}`;
	}
}
