// Guests: peers without a certificate that showed a capability. `/swarm/capability/1` lets them in, `/swarm/guest/1` is all they may speak.
// The stream of the first stays open: both ends say every few seconds that they are there, its end is the end of the visit.
//   guest → capability(version, chain)    node → accepted(addresses of members) or refused(reason)    then both: here()
// Must never: hand a guest's stream to another protocol, keep a guest past its limits: what is over one costs it the connection.

import { type Clock, systemClock } from "../clock.js";
import { asSwarmError, SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { NodeId } from "../model.js";
import { ADMISSION_BYTES_MAX, fieldsOf, MESH_VERSION, refuse } from "./admission.js";
import { CAPABILITY_BYTES_MAX, type Capability } from "./capability.js";
import { type Connection, hostOf, type Libp2p, peerOf, type Stream } from "./libp2p-node.js";
import { meshStreamOf } from "./libp2p-stream.js";
import type { MeshStream } from "./mesh.js";
import { type MessagePipe, messagesOver } from "./messages.js";
import { type Rate, type RateUse, takeFrom, unused } from "./pace.js";
import { bytesOf, integerOf } from "./wire.js";

export const CAPABILITY_PROTOCOL = "/swarm/capability/1";
export const GUEST_PROTOCOL = "/swarm/guest/1";
/** Connections of guests at once, of all and of one capability with all that came of it. */
export const GUESTS_MAX = 64;
export const GUESTS_PER_CAPABILITY_MAX = 8;
/** Calls under way on one connection. */
export const GUEST_STREAMS_MAX = 32;
/** Calls under way of all guests: each may hold a yamux window. More are refused, retryable. */
export const GUEST_CALLS_MAX = 128;
/** Faster guests are slowed down: their calls wait, and count as under way meanwhile. */
export const GUEST_CALL_RATE: Rate = { perSecond: 50, burst: 100 };
/** Each end says so often that it is there; silent for longer ends the visit. */
export const HERE_MS = 5_000;
export const GUEST_SILENT_MS_MAX = 20_000;
/** What one may say on the open stream in that time, far above HERE_MS. */
const HERE_RATE: Rate = { perSecond: 1, burst: 10 };
const WELCOME_MS_MAX = 8_000;
const ADDRESSES_MAX = 16;

export interface Guest {
	readonly peer: NodeId;
	readonly capability: Capability;
	/** Aborts when the guest is gone. */
	readonly gone: AbortSignal;
}

/** What the node behind the door decides. */
export interface GuestHost {
	/** The capability that `peer` shows, verified; throws `refused` with the reason. */
	verify(chain: Uint8Array, peer: NodeId): Capability;
	/** Why a capability is not good any more (expired, revoked); null while it is. */
	objection(capability: Capability): string | null;
	/** A verified capability was shown: the guest is let in, or not for that reason. */
	shown(capability: Capability, refusal: string | null): void;
	/** Answers one stream. */
	answer(stream: MeshStream, guest: Guest): Promise<void>;
	/** Where the guest may go when this node does not answer any more. */
	addresses(): readonly string[];
}

interface Visit {
	readonly connection: Connection;
	readonly guest: Guest;
	readonly leave: AbortController;
	calls: number;
	rate: RateUse;
}

/** What a test may make smaller, to go over it in seconds. */
export interface GuestLimits {
	readonly guestsMax: number;
	readonly guestCallsMax: number;
	readonly guestSilentMsMax: number;
}

export const GUEST_LIMITS: GuestLimits = {
	guestsMax: GUESTS_MAX,
	guestCallsMax: GUEST_CALLS_MAX,
	guestSilentMsMax: GUEST_SILENT_MS_MAX,
};

export interface GuestsOptions {
	readonly clock: Clock;
	readonly logger: Logger;
	readonly limits: GuestLimits;
}

export class Guests {
	readonly #options: GuestsOptions;
	readonly #visits = new Map<string, Visit>();
	#calls = 0;
	#host: GuestHost | null = null;

	constructor(options: GuestsOptions) {
		this.#options = options;
	}

	/** `onCapability` answers the protocol that lets them in: the doorkeeper's part. */
	async listen(libp2p: Libp2p, onCapability: (stream: Stream, connection: Connection) => Promise<void>): Promise<void> {
		const once = { maxInboundStreams: 1 };
		await libp2p.handle(CAPABILITY_PROTOCOL, (stream, connection) => void onCapability(stream, connection), once);
		// One more than they may have: it is what costs them the connection.
		const calls = { maxInboundStreams: GUEST_STREAMS_MAX + 1 };
		await libp2p.handle(GUEST_PROTOCOL, (stream, connection) => void this.answer(stream, connection), calls);
	}

	/** Without a host nobody is let in. */
	receive(host: GuestHost): void {
		this.#host = host;
	}

	get count(): number {
		return this.#visits.size;
	}

	/** Reads the capability and lets the guest in, or throws why not, after telling it. Returns when the guest has left. */
	async welcome(stream: Stream, connection: Connection, onAccepted: () => void): Promise<void> {
		const leave = new AbortController();
		const mesh = meshStreamOf(stream, peerOf(connection));
		const pipe = messagesOver(mesh, "the visit", leave.signal);
		const cancel = systemClock.after(WELCOME_MS_MAX, () => leave.abort(new SwarmError("timeout", "Cannot wait")));
		let visit: Visit;
		try {
			visit = await this.#admit(pipe, connection, leave);
		} catch (thrown) {
			await refuse(pipe, asSwarmError(thrown, "accept the capability"));
			throw thrown;
		} finally {
			cancel();
		}
		onAccepted();
		const { guest } = visit;
		this.#options.logger.info("a guest came", { peer: guest.peer, capability: guest.capability.id });
		await pipe.write("accepted", this.#host?.addresses().slice(0, ADDRESSES_MAX) ?? []);
		await this.#keep(pipe, visit).catch((thrown) => this.#cut(connection, thrown));
	}

	/** One call of a guest; a stranger, and a guest that is over a limit, lose the connection. */
	async answer(stream: Stream, connection: Connection): Promise<void> {
		const visit = this.#visits.get(connection.id);
		const host = this.#host;
		if (visit === undefined || host === null) {
			this.#cut(connection, new SwarmError("refused", "Cannot answer a guest: the peer has shown no capability"));
			return;
		}
		if (visit.calls >= GUEST_STREAMS_MAX) {
			this.#cut(connection, new SwarmError("too-large", `Cannot answer: over ${GUEST_STREAMS_MAX} calls at once`));
			return;
		}
		visit.calls++;
		this.#calls++;
		try {
			await this.#turn(visit);
			await host.answer(meshStreamOf(stream, visit.guest.peer), visit.guest);
		} catch (thrown) {
			const error = asSwarmError(thrown, "answer a guest");
			this.#options.logger.debug("a guest's call was aborted", { peer: visit.guest.peer, reason: error.message });
			stream.abort(error);
			// What no client of ours sends.
			if (error.code === "too-large" || error.code === "corrupt") this.#cut(connection, error);
		} finally {
			visit.calls--;
			this.#calls--;
		}
	}

	/** For libp2p's `connection:close`. */
	closed(connection: Connection): void {
		const visit = this.#visits.get(connection.id);
		if (visit === undefined) return;
		this.#visits.delete(connection.id);
		visit.leave.abort(new SwarmError("aborted", "Cannot go on: the guest went away"));
		this.#options.logger.info("a guest went", { peer: visit.guest.peer, capability: visit.guest.capability.id });
	}

	/** Ends the visits whose capability is not good any more; called once a second and when something was revoked. */
	review(): void {
		for (const { connection, guest } of this.#visits.values()) {
			const why = this.#host?.objection(guest.capability) ?? null;
			if (why !== null) this.#cut(connection, new SwarmError("refused", `Cannot go on: ${why}`));
		}
	}

	async #admit(pipe: MessagePipe, connection: Connection, leave: AbortController): Promise<Visit> {
		const peer = peerOf(connection);
		const fields = fieldsOf(await pipe.read(ADMISSION_BYTES_MAX + CAPABILITY_BYTES_MAX), "capability", peer);
		const version = integerOf(fields[0], "capability.version", 0, 1_000_000);
		if (version !== MESH_VERSION)
			throw new SwarmError("refused", `Cannot speak with ${peer}: mesh version ${version}, wanted ${MESH_VERSION}`);
		const host = this.#host;
		if (host === null) throw new SwarmError("refused", "Cannot accept a capability: this node is in no cluster");
		const capability = host.verify(bytesOf(fields[1], "capability.chain", 1, CAPABILITY_BYTES_MAX), peer);
		const why = host.objection(capability) ?? this.#crowd(capability);
		host.shown(capability, why);
		if (why !== null) throw new SwarmError("refused", `Cannot accept the capability: ${why}`);
		if (connection.status !== "open") throw new SwarmError("unreachable", "Cannot accept a guest: it went away");
		const guest = { peer, capability, gone: leave.signal };
		const visit = { connection, guest, leave, calls: 0, rate: unused };
		this.#visits.set(connection.id, visit);
		return visit;
	}

	#crowd(capability: Capability): string | null {
		const { guestsMax } = this.#options.limits;
		if (this.#visits.size >= guestsMax) return `${guestsMax} guests are here already`;
		const alike = [...this.#visits.values()].filter(({ guest }) => guest.capability.id === capability.id);
		return alike.length < GUESTS_PER_CAPABILITY_MAX ? null : `${GUESTS_PER_CAPABILITY_MAX} of its connections are open`;
	}

	async #turn(visit: Visit): Promise<void> {
		const { guestCallsMax } = this.#options.limits;
		if (this.#calls > guestCallsMax)
			throw new SwarmError("refused", `Cannot answer: ${guestCallsMax} calls are under way`, { retryable: true });
		const { use, waitMs } = takeFrom(GUEST_CALL_RATE, visit.rate, 1, this.#options.clock.monotonicMs());
		visit.rate = use;
		if (waitMs > 0) await this.#options.clock.sleep(waitMs, visit.guest.gone);
	}

	/** Until it is silent or leaves. */
	async #keep(pipe: MessagePipe, { connection, guest }: Visit): Promise<void> {
		let rate = unused;
		const undo = keepSaying(pipe, () => connection.status === "open");
		const watch = watchSilence(
			() => this.#cut(connection, new SwarmError("timeout", "Cannot wait: a guest is silent")),
			this.#options.limits.guestSilentMsMax,
		);
		try {
			while (!guest.gone.aborted) {
				fieldsOf(await pipe.read(ADMISSION_BYTES_MAX), "here", guest.peer);
				watch.heard();
				const taken = takeFrom(HERE_RATE, rate, 1, systemClock.monotonicMs());
				rate = taken.use;
				if (taken.waitMs > 0)
					throw new SwarmError("too-large", "Cannot keep a guest: it says too often that it is here");
			}
		} finally {
			undo();
			watch.stop();
		}
	}

	#cut(connection: Connection, thrown: unknown): void {
		if (connection.status !== "open") return;
		const { message } = asSwarmError(thrown, "keep a guest");
		this.#options.logger.info("cut a guest", {
			peer: peerOf(connection),
			address: hostOf(connection),
			reason: message,
		});
		connection.abort(asSwarmError(thrown, "keep a guest"));
	}
}

/** Says every HERE_MS that this end is there; gives the function that ends it. */
export function keepSaying(pipe: MessagePipe, isOpen: () => boolean): () => void {
	const say = () => {
		if (!isOpen()) return;
		pipe.write("here").catch(() => {});
		cancel = systemClock.after(HERE_MS, say);
	};
	let cancel = systemClock.after(HERE_MS, say);
	return () => cancel();
}

/** Calls when nothing was heard for that time. */
export function watchSilence(
	onSilent: () => void,
	silentMsMax: number = GUEST_SILENT_MS_MAX,
): { heard(): void; stop(): void } {
	let cancel = systemClock.after(silentMsMax, onSilent);
	return {
		heard() {
			cancel();
			cancel = systemClock.after(silentMsMax, onSilent);
		},
		stop: () => cancel(),
	};
}
