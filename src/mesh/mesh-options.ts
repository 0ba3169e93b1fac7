// What a node's mesh is made with.

import type { Chance, Clock } from "../clock.js";
import type { Logger } from "../log.js";
import type { GuestLimits } from "./guests.js";
import type { ConnectionLimits } from "./libp2p-node.js";
import type { Ledger } from "./own-membership.js";
import type { Rate } from "./pace.js";
import type { Revocation } from "./revocation.js";

export interface MeshOptions {
	/** Holds `node.key` and `cluster.json`, mode 0600 each. */
	readonly stateDirectory: string;
	/** Of this node, written into its certificate: 1 to 63 characters `[a-z0-9-]`. */
	readonly name: string;
	/** `witness` as founder, or instead of `member` when it joins; default `member`. */
	readonly role?: "member" | "witness";
	/** `ip:port`; default 0.0.0.0:7749. Port 0 takes any free one. */
	readonly listen?: string;
	/** Multiaddrs or host:port to announce instead of the machine's own addresses. */
	readonly announce?: readonly string[];
	readonly logger?: Logger;
	readonly clock?: Clock;
	readonly chance?: Chance;
	/** Where tokens are counted and revocations known; without one nobody is admitted and nobody revoked. */
	readonly ledger?: Ledger;
	/** Smaller ones, for tests that go over them. */
	readonly limits?: Partial<ConnectionLimits & GuestLimits & { readonly joinRate: Rate }>;
	/** The cluster says, with proof, that this node was forgotten. Called once. */
	readonly onForgotten?: (revocation: Revocation) => void;
}
