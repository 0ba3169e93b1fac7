// This node's own place in a cluster: its credentials in memory and on disk, the tokens that it issued, and what it needs
// to admit others. Knows nothing of connections.
// Must never: be a member in memory and not on disk.

import type { Clock } from "../clock.js";
import { SwarmError } from "../errors.js";
import type { NodeId } from "../model.js";
import type { Proof } from "./admission.js";
import { type Certificate, type ClusterId, createAuthority, issueCertificate } from "./cluster-authority.js";
import { type Credentials, loadCredentials, removeCredentials, renewed, saveCredentials } from "./credentials.js";
import type { Admitter, Candidate, Member } from "./join.js";
import { formatToken } from "./join-token.js";
import { TOKEN_MS_LIFE_DEFAULT, type TokenBook } from "./token-book.js";

export interface ClusterMembership {
	readonly clusterId: ClusterId;
	readonly certificate: Certificate;
	/** For a node that joined: whom the admitting node named. */
	readonly members: readonly Member[];
}

export interface OwnMembershipOptions {
	readonly self: NodeId;
	readonly stateDirectory: string;
	readonly name: string;
	readonly roles: readonly string[];
	readonly clock: Clock;
	readonly tokens: TokenBook;
	/** Why a candidate with a good token is not admitted all the same; null when nothing speaks against it. */
	objection(candidate: Candidate): string | null;
}

export class OwnMembership {
	readonly #options: OwnMembershipOptions;
	#credentials: Credentials | null;

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
		if (this.#credentials === null) return null;
		const { authority, certificate, introducers } = this.#credentials;
		return { clusterId: authority.clusterId, certificate, members: introducers };
	}

	/** For proving to peers; null while this node is in no cluster. */
	proof(): Proof | null {
		if (this.#credentials === null) return null;
		const { authority, certificate } = this.#credentials;
		return { certificate, authorityPublicKey: authority.publicKey };
	}

	/** For admitting strangers, who are told of `members`; null while this node is in no cluster. */
	admitter(members: () => readonly Member[]): Admitter | null {
		if (this.#credentials === null) return null;
		const { tokens, self, objection } = this.#options;
		return {
			...this.#credentials,
			node: self,
			members,
			knowsToken: (id) => tokens.knows(id),
			admit: async (token, candidate) => {
				const why = objection(candidate);
				if (why !== null) throw new SwarmError("refused", `Cannot admit ${candidate.name}: ${why}`);
				await tokens.use(token, candidate.node);
			},
		};
	}

	/** Code `conflict` when this node is in a cluster already. */
	mustBeStranger(action: string): void {
		if (this.#credentials === null) return;
		const { clusterId } = this.#credentials.authority;
		throw new SwarmError("conflict", `Cannot ${action}: this node is in the cluster ${clusterId}, leave it first`);
	}

	/** The first member of a new cluster. */
	async found(): Promise<ClusterMembership> {
		this.mustBeStranger("start a cluster");
		const { self, name, roles, clock } = this.#options;
		const authority = createAuthority();
		const certificate = issueCertificate(authority, { node: self, name, roles }, clock.nowMs());
		return this.become({ authority, certificate, introducers: [] });
	}

	/** Resolves when it is on disk. */
	async become(credentials: Credentials): Promise<ClusterMembership> {
		const { self, stateDirectory } = this.#options;
		const introducers = credentials.introducers.filter((member) => member.node !== self);
		const own = { ...credentials, introducers };
		await saveCredentials(stateDirectory, own);
		this.#credentials = own;
		return { clusterId: own.authority.clusterId, certificate: own.certificate, members: introducers };
	}

	/** Forgets certificate, cluster key and tokens. */
	async leave(): Promise<void> {
		await removeCredentials(this.#options.stateDirectory);
		await this.#options.tokens.clear();
		this.#credentials = null;
	}

	/** A token that names `addresses` of this node. Codes `usage`, `conflict`. */
	async issueToken(
		addresses: readonly string[],
		options: { readonly uses?: number; readonly lifeMs?: number },
	): Promise<string> {
		const credentials = this.#credentials;
		if (credentials === null) throw new SwarmError("conflict", "Cannot issue a token: this node is in no cluster");
		const { uses = 1, lifeMs = TOKEN_MS_LIFE_DEFAULT } = options;
		const issued = await this.#options.tokens.issue({ uses, lifeMs });
		const fingerprint = Buffer.from(credentials.authority.clusterId, "base64url");
		return formatToken({ ...issued, fingerprint, issuer: this.#options.self, addresses });
	}

	/** Every member holds the cluster key, so each renews its own certificate. The new one; null when it is not time. */
	async renew(): Promise<Certificate | null> {
		if (this.#credentials === null) return null;
		const fresh = renewed(this.#credentials, this.#options.clock.nowMs());
		if (fresh === this.#credentials) return null;
		this.#credentials = fresh;
		await saveCredentials(this.#options.stateDirectory, fresh);
		return fresh.certificate;
	}
}
