// Every connection starts as a stranger. This file decides which become members: it runs `/swarm/auth/1` and
// `/swarm/join/1`, bounds how many wait and for how long, and cuts a stranger that asks for anything else.
// Must never: let a stream of an unproved connection reach a handler; keep a refused connection.

import { type Clock, systemClock } from "../clock.js";
import { asSwarmError, SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { NodeId } from "../model.js";
import { AUTH_MS_MAX, AUTH_PROTOCOL, type Proof, proveInbound, proveOutbound, refuseRevoked } from "./admission.js";
import { type Certificate, outOfTime } from "./cluster-authority.js";
import type { Guests } from "./guests.js";
import { type Admitter, answerJoin, JOIN_MS_MAX } from "./join.js";
import { type Connection, hostOf, peerOf, type Stream } from "./libp2p-node.js";
import { meshStreamOf } from "./libp2p-stream.js";
import { type Rate, type RateUse, takeFrom, unused } from "./pace.js";
import { type PacedWarn, pacedWarn } from "./paced-log.js";

/** Connections that have not proved anything yet. */
export const PENDING_MAX = 64;
export const PENDING_PER_ADDRESS_MAX = 32;
/** Of one member: two when both dialled at once, more while dead ones are not found out. */
export const LINKS_PER_PEER_MAX = 16;
/** One is enough to prove; each can hold one yamux window of a stranger's bytes. */
const PENDING_STREAMS_MAX = 2;
const PENDING_CHECK_MS = 100;
/** Time for the refused to read why. */
const REFUSAL_MS = 1_000;
export const JOIN_RATE: Rate = { perSecond: 10, burst: 32 };

/** A connection whose peer is a proved member. */
export interface Link {
	readonly connection: Connection;
	readonly peer: NodeId;
	/** True when this node opened it. */
	readonly dialled: boolean;
	/** The last one that the peer showed. */
	certificate: Certificate;
}

export interface DoorkeeperOptions {
	readonly clock: Clock;
	readonly logger: Logger;
	/** null while this node is in no cluster. */
	proof(): Proof | null;
	admitter(): Admitter | null;
	onAdmitted(link: Link): void;
	/** More are open, the newest included, than may be: libp2p's own limit lets those of one moment pass. */
	isFull(): boolean;
	readonly joinRate: Rate;
	readonly guests: Guests;
	/** A peer refused this node and gave the cluster's word that it was forgotten; not verified yet. */
	onForgotten(statement: Uint8Array): void;
}

interface Pending {
	readonly connection: Connection;
	readonly sinceMs: number;
	readonly dialled: boolean;
	/** Resolves when it is admitted or gone. */
	readonly settled: Promise<void>;
	readonly settle: () => void;
	msMax: number;
	asked: boolean;
}

export class Doorkeeper {
	readonly #options: DoorkeeperOptions;
	readonly #pending = new Map<string, Pending>();
	readonly #links = new Map<string, Link>();
	readonly #warn: PacedWarn;
	#joins: RateUse = unused;
	#cancelCheck: (() => void) | null = null;

	constructor(options: DoorkeeperOptions) {
		this.#options = options;
		this.#warn = pacedWarn(options.logger, options.clock);
	}

	/** For libp2p's `connection:open`. */
	opened(connection: Connection): void {
		const dialled = connection.direction === "outbound";
		const why = dialled ? null : this.#crowd(connection);
		if (why !== null) {
			this.#cut(connection, new SwarmError("refused", `Cannot admit: ${why}`));
			return;
		}
		const { promise, resolve } = Promise.withResolvers<void>();
		const sinceMs = this.#options.clock.monotonicMs();
		const msMax = dialled ? JOIN_MS_MAX : AUTH_MS_MAX;
		const pending = { connection, sinceMs, dialled, settled: promise, settle: resolve, msMax, asked: false };
		this.#pending.set(connection.id, pending);
		this.#checkSoon();
	}

	/** For libp2p's `connection:close`: the link that ended, null when it never was one. */
	closed(connection: Connection): Link | null {
		const link = this.#links.get(connection.id) ?? null;
		this.#links.delete(connection.id);
		this.#options.guests.closed(connection);
		this.#pending.get(connection.id)?.settle();
		this.#pending.delete(connection.id);
		return link;
	}

	/** Proves a connection that this node opened; `refused` with the reason, and the connection is closed. */
	async prove(connection: Connection, signal: AbortSignal): Promise<Link> {
		const own = this.#options.proof();
		if (own === null) throw new SwarmError("conflict", "Cannot connect to a member: this node is in no cluster");
		const limit = AbortSignal.any([signal, AbortSignal.timeout(AUTH_MS_MAX)]);
		try {
			const stream = await connection.newStream(AUTH_PROTOCOL, { signal: limit });
			const nowMs = this.#options.clock.nowMs();
			const mesh = meshStreamOf(stream, peerOf(connection));
			const certificate = await proveOutbound(mesh, own, { nowMs, signal: limit });
			mesh.end().catch(() => {});
			return this.#admit(connection, certificate);
		} catch (thrown) {
			const error = asSwarmError(thrown, `connect to ${peerOf(connection)}`);
			this.#noteRefusal(error);
			this.#cut(connection, error);
			throw error;
		}
	}

	/** The link of a connection for any other protocol; cuts a stranger. */
	async linkFor(connection: Connection, protocol: string): Promise<Link> {
		const pending = this.#pending.get(connection.id);
		// The peer we dialled has proved itself when it opens streams; our own side may be one message behind.
		if (pending?.dialled) await pending.settled;
		const link = this.#links.get(connection.id);
		if (link !== undefined) return link;
		const error = new SwarmError("refused", `Cannot answer ${protocol}: the peer has not proved to be a member`);
		this.#cut(connection, error);
		throw error;
	}

	/** Handler of `/swarm/auth/1`. */
	async answerAuth(stream: Stream, connection: Connection): Promise<void> {
		const pending = this.#begin(stream, connection);
		if (pending === null) return;
		const signal = AbortSignal.timeout(AUTH_MS_MAX);
		const admit = (certificate: Certificate) => void this.#admit(connection, certificate);
		const mesh = meshStreamOf(stream, peerOf(connection));
		try {
			await proveInbound(mesh, this.#options.proof(), { nowMs: this.#options.clock.nowMs(), signal, admit });
			await mesh.end();
		} catch (thrown) {
			this.#refuse(connection, thrown);
		}
	}

	/** Handler of `/swarm/join/1`. */
	async answerJoin(stream: Stream, connection: Connection): Promise<void> {
		const pending = this.#begin(stream, connection);
		if (pending === null) return;
		const { clock, logger } = this.#options;
		const { use, waitMs } = takeFrom(this.#options.joinRate, this.#joins, 1, clock.monotonicMs());
		this.#joins = use;
		pending.msMax = JOIN_MS_MAX;
		const signal = AbortSignal.timeout(JOIN_MS_MAX);
		try {
			if (waitMs > 0) await clock.sleep(waitMs, signal);
			const mesh = meshStreamOf(stream, peerOf(connection));
			const admitted = await answerJoin(mesh, this.#options.admitter(), { nowMs: clock.nowMs(), signal });
			const { node, name, role } = admitted;
			logger.info("admitted a node", { peer: node, name, role, address: hostOf(connection) });
			await mesh.end();
			this.#cutLater(connection);
		} catch (thrown) {
			this.#refuse(connection, thrown);
		}
	}

	/** Handler of `/swarm/capability/1`; returns when the guest has left. */
	async answerCapability(stream: Stream, connection: Connection): Promise<void> {
		if (this.#begin(stream, connection) === null) return;
		const onAccepted = () => {
			this.#pending.get(connection.id)?.settle();
			this.#pending.delete(connection.id);
		};
		await this.#options.guests
			.welcome(stream, connection, onAccepted)
			.catch((thrown) => this.#refuse(connection, thrown));
	}

	/** For a certificate that a connected peer has shown since. */
	renewed(certificate: Certificate): void {
		for (const link of this.#links.values()) if (link.peer === certificate.node) link.certificate = certificate;
	}

	/** Cuts the links whose certificate is not good any more: expired, revoked, of an authority that was rotated out. */
	recheck(): void {
		const own = this.#options.proof();
		if (own === null) return;
		for (const link of [...this.#links.values()]) {
			try {
				refuseRevoked(link.certificate, own.revocationOf(link.peer));
				const why = outOfTime(link.certificate, own.trust, this.#options.clock.nowMs());
				if (why !== null)
					throw new SwarmError("refused", `Cannot keep the link: the certificate of ${link.peer}: ${why}`);
			} catch (thrown) {
				const error = asSwarmError(thrown, "keep the link");
				this.#options.logger.warn("cut a link", { peer: link.peer, reason: error.message });
				link.connection.abort(error);
			}
		}
	}

	stop(): void {
		this.#cancelCheck?.();
		this.#cancelCheck = null;
		for (const pending of this.#pending.values()) pending.settle();
	}

	/** A stranger may ask once; anything more costs the connection. */
	#begin(stream: Stream, connection: Connection): Pending | null {
		const pending = this.#pending.get(connection.id);
		if (pending === undefined || pending.dialled || pending.asked) {
			stream.abort(new Error("asked twice"));
			if (!this.#links.has(connection.id))
				this.#cut(connection, new SwarmError("refused", "Cannot admit: asked twice"));
			return null;
		}
		pending.asked = true;
		return pending;
	}

	#admit(connection: Connection, certificate: Certificate): Link {
		const pending = this.#pending.get(connection.id);
		if (pending === undefined || connection.status !== "open") {
			throw new SwarmError("unreachable", `Cannot admit ${certificate.node}: the connection ended`);
		}
		const alike = [...this.#links.values()].filter(({ peer }) => peer === certificate.node);
		if (alike.length >= LINKS_PER_PEER_MAX)
			throw new SwarmError("refused", `Cannot admit ${certificate.node}: ${LINKS_PER_PEER_MAX} of its links are open`);
		const link = { connection, peer: certificate.node, dialled: pending.dialled, certificate };
		this.#links.set(connection.id, link);
		this.#pending.delete(connection.id);
		this.#options.onAdmitted(link);
		pending.settle();
		return link;
	}

	/** The peer was told why by the conversation itself. */
	#refuse(connection: Connection, thrown: unknown): void {
		const error = asSwarmError(thrown, "admit");
		const { code, message } = error;
		this.#noteRefusal(error);
		this.#warn(hostOf(connection), "refused a connection", { peer: peerOf(connection), code, reason: message });
		this.#cutLater(connection);
	}

	#cutLater(connection: Connection): void {
		// Not the given clock: a connection must end also where time stands still.
		systemClock.after(REFUSAL_MS, () => {
			if (connection.status === "open") connection.abort(new Error("admission is over"));
		});
	}

	/** What this node dialled itself is told of by who asked for it. */
	#cut(connection: Connection, error: SwarmError): void {
		if (connection.direction === "inbound") {
			this.#warn(hostOf(connection), "cut a connection", { peer: peerOf(connection), reason: error.message });
		}
		connection.abort(error);
	}

	#noteRefusal({ details: { refusedWith } }: SwarmError): void {
		if (refusedWith instanceof Uint8Array) this.#options.onForgotten(refusedWith);
	}

	#crowd(connection: Connection): string | null {
		if (this.#options.isFull()) return "as many connections are open as may be";
		const waiting = [...this.#pending.values()].filter((pending) => !pending.dialled);
		const host = hostOf(connection);
		const fromHost = waiting.filter((pending) => hostOf(pending.connection) === host);
		const isCrowded = waiting.length >= PENDING_MAX || fromHost.length >= PENDING_PER_ADDRESS_MAX;
		return isCrowded ? "too many connections wait for admission" : null;
	}

	#checkSoon(): void {
		if (this.#cancelCheck !== null || this.#pending.size === 0) return;
		this.#cancelCheck = this.#options.clock.after(PENDING_CHECK_MS, () => {
			this.#cancelCheck = null;
			this.#check();
			this.#checkSoon();
		});
	}

	#check(): void {
		const nowMs = this.#options.clock.monotonicMs();
		for (const { connection, sinceMs, msMax, dialled } of [...this.#pending.values()]) {
			if (nowMs - sinceMs > msMax) {
				this.#cut(connection, new SwarmError("timeout", `Cannot admit: no proof within ${msMax} ms`));
			} else if (!dialled && connection.streams.length > PENDING_STREAMS_MAX) {
				this.#cut(connection, new SwarmError("refused", "Cannot admit: too many streams before the proof"));
			}
		}
	}
}
