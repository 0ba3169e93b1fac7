// Keeps this node's credentials good while it runs: renews its certificate before it expires, takes over a rotated authority, and
// tells connected peers of what is new, so that open connections stay.
// Must never: ask two peers at once, let a peer that does not answer hold up the next look.

import type { Clock } from "../clock.js";
import { asSwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { NodeId } from "../model.js";
import type { Certificate } from "./cluster-authority.js";
import {
	askForCertificate,
	askForKey,
	CREDENTIALS_MS_MAX,
	CREDENTIALS_PROTOCOL,
	offerCredentials,
} from "./credentials-exchange.js";
import type { MeshStream } from "./mesh.js";
import type { OwnMembership } from "./own-membership.js";

/** After a peer could not help, the next is asked no sooner than this. */
const ASK_AGAIN_MS = 1_000;

export interface CredentialsKeeperOptions {
	readonly own: OwnMembership;
	readonly clock: Clock;
	readonly logger: Logger;
	peers(): readonly NodeId[];
	open(to: NodeId, protocol: string, signal: AbortSignal): Promise<MeshStream>;
}

export class CredentialsKeeper {
	readonly #options: CredentialsKeeperOptions;
	readonly #stopped = new AbortController();
	/** What the peers were told last. */
	#told: Certificate | null = null;
	#asking = false;
	#askAgainAtMs = 0;
	#asked = 0;

	constructor(options: CredentialsKeeperOptions) {
		this.#options = options;
		this.#told = options.own.current()?.certificate ?? null;
	}

	stop(): void {
		this.#stopped.abort(new Error("the mesh stops"));
	}

	/** Once a second, and whenever something changed. */
	async look(): Promise<void> {
		const { own, logger, clock } = this.#options;
		const renewed = await own.renew();
		if (renewed !== null) logger.info("renewed the certificate", { expiresAtMs: renewed.expiresAtMs });
		this.#tellPeers();
		const { key, certificate } = own.needs();
		if ((!key && !certificate) || this.#asking || clock.monotonicMs() < this.#askAgainAtMs) return;
		this.#asking = true;
		try {
			await this.#ask(key);
		} finally {
			this.#asking = false;
		}
	}

	/** One for this node from a member that answers; `name` is to stand in it. */
	async certificateFromPeer(name: string, signal: AbortSignal): Promise<void> {
		const { own } = this.#options;
		let last: unknown = null;
		for (const peer of this.#options.peers()) {
			try {
				await own.takeCertificate(await this.#with(peer, (stream, asking) => askForCertificate(stream, name, asking)));
				this.#tellPeers();
				return;
			} catch (thrown) {
				signal.throwIfAborted();
				last = thrown;
			}
		}
		throw asSwarmError(last ?? new Error("no member is connected"), "get a certificate");
	}

	/** The next peer in turn; another one when it cannot help. */
	async #ask(key: boolean): Promise<void> {
		const { own, logger, clock } = this.#options;
		const peers = this.#options.peers();
		const peer = peers[this.#asked++ % Math.max(1, peers.length)];
		this.#askAgainAtMs = clock.monotonicMs() + ASK_AGAIN_MS;
		if (peer === undefined) return;
		try {
			if (key) await own.takeKey(await this.#with(peer, askForKey));
			else {
				const name = own.current()?.certificate.name ?? "";
				const ask = (stream: MeshStream, asking: Asking) => askForCertificate(stream, name, asking);
				await own.takeCertificate(await this.#with(peer, ask));
			}
			logger.info(key ? "took over the rotated authority" : "renewed the certificate", { peer });
			this.#askAgainAtMs = 0;
			this.#tellPeers();
		} catch (thrown) {
			const { message } = asSwarmError(thrown, "renew credentials");
			if (!this.#stopped.signal.aborted) logger.info("a peer gives no credentials", { peer, reason: message });
		}
	}

	/** Those that cannot be told learn it when they connect again. */
	#tellPeers(): void {
		const { own, logger } = this.#options;
		const certificate = own.current()?.certificate ?? null;
		const before = this.#told;
		this.#told = certificate;
		if (certificate === null || before === null || certificate === before) return;
		for (const peer of this.#options.peers()) {
			this.#with(peer, offerCredentials).catch((thrown: unknown) => {
				if (this.#stopped.signal.aborted) return;
				const { message } = asSwarmError(thrown, "offer credentials");
				logger.info("a peer does not take the new certificate", { peer, reason: message });
			});
		}
	}

	async #with<T>(peer: NodeId, act: (stream: MeshStream, asking: Asking) => Promise<T>): Promise<T> {
		const { own, clock } = this.#options;
		const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(CREDENTIALS_MS_MAX)]);
		const stream = await this.#options.open(peer, CREDENTIALS_PROTOCOL, signal);
		try {
			return await act(stream, { own, nowMs: clock.nowMs(), signal });
		} catch (thrown) {
			stream.abort(asSwarmError(thrown, "exchange credentials"));
			throw thrown;
		}
	}
}

type Asking = Parameters<typeof offerCredentials>[1];
