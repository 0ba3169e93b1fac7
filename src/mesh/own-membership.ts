// This node's own place in a cluster: its credentials in memory and on disk, and what it needs to admit others. Knows nothing of
// connections.
// Must never: be a member in memory and not on disk, sign with a key that was rotated out.

import type { Clock } from "../clock.js";
import { SwarmError } from "../errors.js";
import type { NodeId, NodeRole } from "../model.js";
import type { Proof } from "./admission.js";
import {
	type Authority,
	type Certificate,
	createAuthority,
	issueCertificate,
	needsRenewal,
	type Subject,
} from "./cluster-authority.js";
import { type Credentials, loadCredentials, removeCredentials, saveCredentials } from "./credentials.js";
import type { Admitter, Candidate, GivenToken, Member, Use, Welcome } from "./join.js";
import type { KnownRevocation } from "./revocation.js";
import {
	type AuthorityLink,
	type ClusterId,
	currentLink,
	type Fingerprint,
	fingerprintOf,
	firstTrust,
	GRACE_MS_MAX,
	GRACE_MS_MIN,
	learned,
	rotated,
	type Trust,
} from "./trust.js";

export interface ClusterMembership {
	readonly clusterId: ClusterId;
	/** Of the authority that signs now; the cluster's id until it was rotated. */
	readonly authority: Fingerprint;
	readonly trust: Trust;
	readonly certificate: Certificate;
	/** For a node that joined: whom the admitting node named. */
	readonly members: readonly Member[];
}

/** Where tokens are counted and revocations known: the replicated state (node/admission/). */
export interface Ledger {
	/** Whether the token is known here or its issuer can be asked. */
	takesToken(id: Uint8Array, issuer: NodeId): boolean;
	/** Takes one use, durably; throws `refused` with the reason. */
	use(token: GivenToken, candidate: Candidate): Promise<Use>;
	/** null for a node that was never forgotten. */
	revocationOf(node: NodeId): KnownRevocation | null;
}

export const emptyLedger: Ledger = {
	takesToken: () => false,
	use: async () => {
		throw new SwarmError("refused", "Cannot admit with this token: this node is only just starting, try again");
	},
	revocationOf: () => null,
};

export interface OwnMembershipOptions {
	readonly self: NodeId;
	readonly stateDirectory: string;
	readonly name: string;
	/** Of the founder of a cluster. */
	readonly role: NodeRole;
	readonly clock: Clock;
	readonly ledger: Ledger;
}

export class OwnMembership {
	readonly #options: OwnMembershipOptions;
	#credentials: Credentials | null;
	/** Every call of the API asks for it: made once for each credentials. */
	#current: { readonly of: Credentials; readonly membership: ClusterMembership } | null = null;
	#saving: Promise<void> = Promise.resolve();

	private constructor(options: OwnMembershipOptions, credentials: Credentials | null) {
		this.#options = options;
		this.#credentials = credentials;
	}

	/** What the state directory holds. */
	static async load(options: OwnMembershipOptions): Promise<OwnMembership> {
		return new OwnMembership(options, await loadCredentials(options.stateDirectory));
	}

	/** null while this node is in no cluster. */
	current(): ClusterMembership | null {
		const credentials = this.#credentials;
		if (credentials === null) return null;
		if (this.#current?.of !== credentials) this.#current = { of: credentials, membership: membershipOf(credentials) };
		return this.#current.membership;
	}

	/** For proving to peers; null while this node is in no cluster. */
	proof(): Proof | null {
		if (this.#credentials === null) return null;
		const { certificate, trust } = this.#credentials;
		const { ledger } = this.#options;
		return {
			certificate,
			trust,
			learn: (links) => this.learn(links),
			revocationOf: (node) => ledger.revocationOf(node),
		};
	}

	/** The cluster key, when it is the current one; null for a reader, and while a new one is on its way. */
	authority(): Authority | null {
		const { authority = null, trust = null } = this.#credentials ?? {};
		if (authority === null || trust === null) return null;
		return Buffer.from(currentLink(trust).publicKey).equals(authority.publicKey) ? authority : null;
	}

	/** For admitting strangers, who are told of `members`; null when this node can admit nobody. */
	admitter(members: () => readonly Member[]): Admitter | null {
		const authority = this.authority();
		if (this.#credentials === null || authority === null) return null;
		const { trust, certificate } = this.#credentials;
		const { ledger, self } = this.#options;
		return {
			...{ authority, trust, certificate, members, node: self },
			takesToken: (id, issuer) => ledger.takesToken(id, issuer),
			admit: (token, candidate) => ledger.use(token, candidate),
		};
	}

	/** Code `conflict` when this node is in a cluster already. */
	mustBeStranger(action: string): void {
		if (this.#credentials === null) return;
		const { clusterId } = this.#credentials.trust;
		throw new SwarmError("conflict", `Cannot ${action}: this node is in the cluster ${clusterId}, leave it first`);
	}

	/** The first member of a new cluster. */
	async found(nowMs: number = this.#options.clock.nowMs()): Promise<ClusterMembership> {
		this.mustBeStranger("start a cluster");
		const { self, name, role } = this.#options;
		const authority = createAuthority();
		const certificate = issueCertificate(authority, { node: self, name, role, admittedAtMs: nowMs }, nowMs);
		return this.become({ trust: firstTrust(authority.publicKey), authority, certificate, members: [] });
	}

	/** Resolves when it is on disk. */
	async become({ trust, authority, certificate, members }: Welcome): Promise<ClusterMembership> {
		const { self, stateDirectory } = this.#options;
		const introducers = members.filter((member) => member.node !== self);
		const own = { trust, authority, certificate, introducers };
		await saveCredentials(stateDirectory, own);
		this.#credentials = own;
		return this.#member();
	}

	/** Forgets certificate and cluster key. */
	async leave(): Promise<void> {
		this.#credentials = null;
		await this.#saving.catch(() => {});
		await removeCredentials(this.#options.stateDirectory);
	}

	/** Takes in what a peer knows of the authorities; what is trusted then. */
	learn(links: readonly AuthorityLink[]): Trust {
		const { trust } = this.#member();
		const next = learned(trust, links, this.#options.clock.nowMs());
		if (next !== trust) this.#change({ trust: next }).catch(() => {});
		return next;
	}

	/** Whether a key or a certificate has to come from a peer. */
	needs(): { readonly key: boolean; readonly certificate: boolean } {
		if (this.#credentials === null) return { key: false, certificate: false };
		const isReader = this.#credentials.certificate.role === "reader";
		return { key: !isReader && this.authority() === null, certificate: isReader && this.#isDue() };
	}

	async takeKey(authority: Authority): Promise<void> {
		if (this.#credentials !== null) await this.#change({ authority });
	}

	/** One for this node that a member signed, verified by the caller. */
	async takeCertificate(certificate: Certificate): Promise<void> {
		if (this.#credentials !== null) await this.#change({ certificate });
	}

	/** Who holds the cluster key renews its own certificate. The new one; null when it is not time, or the key is not here. */
	async renew(): Promise<Certificate | null> {
		return this.#credentials === null || !this.#isDue() || this.authority() === null ? null : this.reissue({});
	}

	/** A certificate of its own with another name or role. Code `conflict` while the cluster key is not here. */
	async reissue(change: Partial<Pick<Subject, "name" | "role">>): Promise<Certificate> {
		const { certificate } = this.#member();
		const next = this.certify({ ...certificate, ...change });
		await this.#change({ certificate: next });
		return next;
	}

	/** Signs for another. Code `conflict` while the cluster key is not here. */
	certify(subject: Subject): Certificate {
		return issueCertificate(this.mustHoldKey("sign a certificate"), subject, this.#options.clock.nowMs());
	}

	/** Code `conflict` when this node has no right to sign, or not yet. */
	mustHoldKey(action: string): Authority {
		const { certificate } = this.#member();
		const authority = this.authority();
		if (authority !== null) return authority;
		const why =
			certificate.role === "reader" ? "this node is a reader" : "the new cluster key is on its way here, try again";
		throw new SwarmError("conflict", `Cannot ${action}: ${why}`, { retryable: certificate.role !== "reader" });
	}

	/** A new authority, signed by the current one, and a certificate under it. Code `usage`, `conflict`. */
	async rotate(graceMs: number): Promise<ClusterMembership> {
		if (!Number.isSafeInteger(graceMs) || graceMs < GRACE_MS_MIN || graceMs > GRACE_MS_MAX) {
			throw new SwarmError(
				"usage",
				`Cannot rotate the authority: grace is ${graceMs} ms, wanted ${GRACE_MS_MIN} to ${GRACE_MS_MAX}`,
			);
		}
		const { trust, certificate } = this.#member();
		const current = this.mustHoldKey("rotate the authority");
		const nowMs = this.#options.clock.nowMs();
		const authority = createAuthority(trust.clusterId);
		const link = rotated(trust, current, { publicKey: authority.publicKey, graceMs, nowMs });
		const next = learned(trust, [link], nowMs);
		await this.#change({ trust: next, authority, certificate: issueCertificate(authority, certificate, nowMs) });
		return this.#member();
	}

	#isDue(): boolean {
		const { certificate, authority } = this.#member();
		return needsRenewal(certificate, this.#options.clock.nowMs()) || certificate.signer !== authority;
	}

	#member(): ClusterMembership {
		const current = this.current();
		if (current !== null) return current;
		throw new SwarmError("conflict", "Cannot do this: this node is in no cluster");
	}

	/** In memory at once, on disk one after the other. */
	#change(change: Partial<Credentials>): Promise<void> {
		if (this.#credentials === null) return Promise.resolve();
		const next = { ...this.#credentials, ...change };
		this.#credentials = next;
		const saved = this.#saving.then(async () => {
			if (this.#credentials !== null) await saveCredentials(this.#options.stateDirectory, this.#credentials);
		});
		this.#saving = saved.catch(() => {});
		return saved;
	}
}

function membershipOf({ trust, certificate, introducers }: Credentials): ClusterMembership {
	const authority = fingerprintOf(currentLink(trust).publicKey);
	return { clusterId: trust.clusterId, authority, trust, certificate, members: introducers };
}
