// What a holder does with a capability without asking anybody: look at it, hand on a narrower one, make a key for one.

import { createPrivateKey } from "node:crypto";
import { SwarmError } from "../../errors.js";
import {
	createHolder,
	describeCapability,
	formatCapability,
	narrowCapability,
	parseCapability,
} from "../../mesh/capability.js";
import { identityOfKey } from "../../mesh/identity.js";
import { type Grant, type NodeId, type Verb, verbs } from "../../model.js";

export interface CapabilityDescription extends Grant {
	readonly id: string;
	/** Of every step it was handed on, the first one first; `swarm capability revoke` takes any of them. */
	readonly ids: readonly string[];
	readonly issuer: NodeId;
	readonly holder: NodeId;
	/** Whether the text contains the key: then it is a secret. */
	readonly hasKey: boolean;
	readonly addresses: readonly string[];
}

export interface Narrowing {
	/** Absent: all that there are. */
	readonly verbs?: readonly Verb[];
	/** Added to those that it has. */
	readonly labels?: Readonly<Record<string, string>>;
	/** From now; absent: as long as the capability itself. */
	readonly ttlMs?: number;
	/** Peer id of the next holder's key; absent: a new key that the text contains. */
	readonly holder?: NodeId;
	/** The present holder's private key in PEM form when the text does not contain it. */
	readonly key?: string;
}

/** Without checking anything: only a node can say whether it is good. Code `usage` when the text is no capability. */
export function describe(capability: string): CapabilityDescription {
	const { chain, key, addresses } = parseCapability(capability);
	const { id, ids, issuer, holder, grant } = describeCapability(chain);
	return { id, ids, issuer, holder, ...grant, hasKey: key !== null, addresses };
}

/** A capability that can do less, signed with the present holder's key. No node is asked. */
export function narrow(capability: string, narrowing: Narrowing): string {
	const held = parseCapability(capability);
	const key = narrowing.key === undefined ? held.key : createPrivateKey(narrowing.key);
	if (key === null)
		throw new SwarmError("usage", "Cannot narrow the capability: it does not contain its key, give it as well");
	const { grant } = describeCapability(held.chain);
	const next = narrowing.holder === undefined ? createHolder() : null;
	const expiresAtMs = narrowing.ttlMs === undefined ? grant.expiresAtMs : Date.now() + narrowing.ttlMs;
	const block = {
		holder: next?.node ?? (narrowing.holder as NodeId),
		grant: { verbs: narrowing.verbs ?? verbs, labels: narrowing.labels ?? {}, expiresAtMs },
	};
	const chain = narrowCapability(held.chain, identityOfKey(key), block);
	return formatCapability({ chain, key: next?.privateKey ?? null, addresses: held.addresses });
}

/** A key for a capability: the peer id goes to whoever makes the capability, the PEM stays here. */
export function createHolderKey(): { readonly holder: NodeId; readonly key: string } {
	const { node, privateKey } = createHolder();
	return { holder: node, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}
