// Spreads envelopes: a push of every new one of ours to all connected peers, and anti-entropy (digests both ways, then what is
// missing) on every connect and whenever a peer turns out to hold something else, which also carries documents of third
// parties and repairs every loss; what an exchange brought from beyond a split is told on. Must never: believe a peer (the document set verifies), or run more than one exchange with a peer at a time.

import type { Chance, Clock } from "../clock.js";
import { asSwarmError, SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import { FRAME_BYTES_MAX, type Mesh, type MeshStream } from "../mesh/mesh.js";
import type { NodeId } from "../model.js";
import type { Acceptance, Digest } from "./documents.js";
import { createExchangeTurns, type Turn } from "./exchange-turns.js";
import { hashOfDigest, messagesOf, SYNC_PROTOCOL, writeMessage } from "./sync-codec.js";

/** Every 2 to 5 s some peers hear the hash of what we hold; who holds something else syncs. */
const SYNC_PERIOD_MS_MIN = 2000;
const SYNC_PERIOD_MS_MAX = 5000;
/** All peers have heard it after so many of these times, in an order by chance: tombstones wait for the last one. */
const SYNC_PERIODS_PER_ROUND = 8;
/** After a gap: time for the missing frame to arrive by itself. */
const GAP_DELAY_MS = 50;
const EXCHANGE_MS_MAX = 30_000;
/** Exchanges that one peer may have open here. */
const INBOUND_PER_PEER_MAX = 2;
/** A peer that connected so recently may have been on the other side of a split, with what others here lack, too. */
const BACK_MS = 5_000;
/** What we hold is told to so many peers drawn by chance, who take it and tell it on: all of a few hundred know after some rounds … */
const TOLD_PEERS = 4;
/** … after this time, in which more may come, … */
const TELL_DELAY_MS = 20;
/** … and no sooner again: a bound on what it can cost, however much is on its way. */
const TELL_PERIOD_MS = 500;
/** Refused envelopes are logged once in this time for each peer. */
const COMPLAINT_PERIOD_MS = 60_000;

export interface ReplicationOptions {
	readonly mesh: Mesh;
	readonly clock: Clock;
	readonly chance: Chance;
	readonly logger: Logger;
	readonly digest: () => Digest;
	readonly missingFor: (digest: Digest) => readonly (readonly Uint8Array[])[];
	readonly receive: (chain: readonly Uint8Array[], toldBy: NodeId) => Acceptance;
	/** What a peer holds, as it just said. */
	readonly heard: (peer: NodeId, digest: Digest) => void;
}

export interface Replication {
	push(envelope: Uint8Array): void;
	/** Ends what runs; returns when nothing of it touches the documents any more. */
	stop(): Promise<void>;
}

export function startReplication(options: ReplicationOptions): Replication {
	const { mesh, clock } = options;
	const ending = new AbortController();
	const outgoing = new Map<NodeId, Promise<void>>();
	const incoming = new Map<NodeId, number>();
	const waiting = new Map<NodeId, () => void>();
	const complainedAt = new Map<NodeId, number>();
	const connectedAt = new Map<NodeId, number>();
	const turns = createExchangeTurns(clock);
	let toldAtMs = Number.NEGATIVE_INFINITY;
	let cancelTelling: (() => void) | null = null;
	let cancelPeriod = () => {};

	const complain = (peer: NodeId, thrown: unknown) => {
		mesh.complain(peer, asSwarmError(thrown, "sync"));
		const now = clock.monotonicMs();
		if (now - (complainedAt.get(peer) ?? Number.NEGATIVE_INFINITY) < COMPLAINT_PERIOD_MS) return;
		complainedAt.set(peer, now);
		options.logger.warn("a peer sent what cannot be taken", { peer, error: asSwarmError(thrown, "sync").message });
	};

	const receive = (peer: NodeId, chain: readonly Uint8Array[]): Acceptance => {
		const acceptance = options.receive(chain, peer);
		if (acceptance.kind === "gap") syncSoon(peer, GAP_DELAY_MS);
		if (acceptance.kind === "refused") complain(peer, acceptance.error);
		return acceptance;
	};

	/** Not what everybody hears from its writer: that would be told to and fro for ever where much is written. */
	const isWorthTelling = (peer: NodeId, writer: NodeId) => {
		const sinceMs = clock.monotonicMs() - (connectedAt.get(peer) ?? Number.NEGATIVE_INFINITY);
		return sinceMs < BACK_MS || (writer !== peer && !mesh.peers().includes(writer));
	};

	const tellDigest = (peer: NodeId) => mesh.send(peer, "digest", hashOfDigest(options.digest()));

	const tellSoon = (from: NodeId) => {
		if (cancelTelling !== null || ending.signal.aborted) return;
		const waitMs = Math.max(TELL_DELAY_MS, toldAtMs + TELL_PERIOD_MS - clock.monotonicMs());
		cancelTelling = clock.after(waitMs, () => {
			cancelTelling = null;
			toldAtMs = clock.monotonicMs();
			const others = mesh.peers().filter((peer) => peer !== from);
			for (const peer of drawn(others, TOLD_PEERS, options.chance)) tellDigest(peer);
		});
	};

	const syncSoon = (peer: NodeId, delayMs: number) => {
		if (ending.signal.aborted || waiting.has(peer)) return;
		const cancel = clock.after(delayMs, () => {
			waiting.delete(peer);
			if (outgoing.has(peer)) syncSoon(peer, GAP_DELAY_MS);
			else void sync(peer);
		});
		waiting.set(peer, cancel);
	};

	const sync = async (peer: NodeId) => {
		if (ending.signal.aborted || outgoing.has(peer)) return;
		const run = runExchange("opening", () => mesh.open(peer, SYNC_PROTOCOL, ending.signal)).catch((thrown) => {
			const error = asSwarmError(thrown, "sync");
			options.logger.debug("a sync did not finish", { peer, error: error.message });
			mesh.complain(peer, error);
		});
		outgoing.set(peer, run);
		await run;
		outgoing.delete(peer);
	};

	const runExchange = async (side: "opening" | "answering", open: () => Promise<MeshStream>) => {
		const turn = await turns.begin(side, ending.signal);
		try {
			await exchange(await open(), turn);
		} finally {
			turn.end();
		}
	};

	/** The same on both sides: our digest, theirs, what they lack, while taking what we lack. */
	const exchange = async (stream: MeshStream, turn: Turn) => {
		const abort = () =>
			stream.abort(new SwarmError("aborted", "Cannot sync: the exchange took too long or the store stops"));
		const cancel = clock.after(EXCHANGE_MS_MAX, abort);
		ending.signal.addEventListener("abort", abort, { once: true });
		try {
			const sent = writeMessage(stream, { kind: "digest", digest: options.digest() });
			const next = messagesOf(stream);
			const [first] = await Promise.all([next(), sent]);
			if (first?.kind !== "digest") throw new SwarmError("corrupt", "Cannot sync: the peer sent no digest");
			options.heard(stream.peer, first.digest);
			turn.heard(hasNews(first.digest, options.digest()));
			await Promise.all([sendMissing(stream, first.digest), takeChains(stream.peer, next).then(turn.end)]);
		} catch (thrown) {
			stream.abort(asSwarmError(thrown, "sync"));
			throw thrown;
		} finally {
			cancel();
			ending.signal.removeEventListener("abort", abort);
		}
	};

	const sendMissing = async (stream: MeshStream, digest: Digest) => {
		for (const chain of options.missingFor(digest)) await writeMessage(stream, { kind: "chain", chain });
		await stream.end();
	};

	const takeChains = async (peer: NodeId, next: ReturnType<typeof messagesOf>) => {
		for (;;) {
			const message = await next();
			if (message === null) return;
			if (message.kind !== "chain") throw new SwarmError("corrupt", "Cannot sync: a second digest");
			if (ending.signal.aborted) continue;
			const acceptance = receive(peer, message.chain);
			if (acceptance.kind === "accepted" && isWorthTelling(peer, acceptance.writer)) tellSoon(peer);
		}
	};

	mesh.handle(
		SYNC_PROTOCOL,
		async (stream) => {
			const open = incoming.get(stream.peer) ?? 0;
			if (ending.signal.aborted || open >= INBOUND_PER_PEER_MAX) {
				throw new SwarmError("refused", "Cannot sync: too many exchanges are open");
			}
			incoming.set(stream.peer, open + 1);
			try {
				await runExchange("answering", async () => stream);
			} finally {
				const left = (incoming.get(stream.peer) ?? 1) - 1;
				if (left > 0) incoming.set(stream.peer, left);
				else incoming.delete(stream.peer);
			}
		},
		{ readers: true },
	);

	const offFrame = mesh.onFrame("state", (from, frame) => receive(from, [frame]));
	const offDigest = mesh.onFrame("digest", (from, hash) => {
		const digest = options.digest();
		if (hashOfDigest(digest).every((byte, at) => byte === hash[at])) options.heard(from, digest);
		// What is under way may be on its way here.
		else syncSoon(from, GAP_DELAY_MS);
	});
	// One side opens; the other comes by itself when a digest tells it to.
	const offPeer = mesh.onPeer(({ kind, node }) => {
		if (kind === "connected") connectedAt.set(node, clock.monotonicMs());
		if (kind === "connected" && mesh.self < node) syncSoon(node, 0);
		if (kind === "disconnected") for (const known of [complainedAt, connectedAt]) known.delete(node);
	});
	/** Who hears of what we hold next. */
	let round: readonly NodeId[] = [];
	const tellNext = (count: number, peers: readonly NodeId[]) => {
		const connected = new Set(peers);
		round = round.filter((peer) => connected.has(peer));
		if (round.length === 0) round = drawn(peers, peers.length, options.chance);
		for (const peer of round.slice(0, count)) tellDigest(peer);
		round = round.slice(count);
	};
	const periodically = () => {
		const spread = options.chance.fraction() * (SYNC_PERIOD_MS_MAX - SYNC_PERIOD_MS_MIN);
		cancelPeriod = clock.after(SYNC_PERIOD_MS_MIN + spread, () => {
			const peers = mesh.peers();
			tellNext(Math.ceil(peers.length / SYNC_PERIODS_PER_ROUND), peers);
			periodically();
		});
	};
	periodically();
	for (const peer of mesh.peers()) syncSoon(peer, 0);

	return {
		push(envelope) {
			if (envelope.length <= FRAME_BYTES_MAX) mesh.broadcast("state", envelope);
			else for (const peer of mesh.peers()) syncSoon(peer, 0);
		},
		async stop() {
			ending.abort(new SwarmError("aborted", "Cannot sync: the store stops"));
			offFrame();
			offDigest();
			offPeer();
			cancelPeriod();
			cancelTelling?.();
			for (const cancel of waiting.values()) cancel();
			await Promise.all(outgoing.values());
		},
	};
}

/** Whether the holder of `theirs` may have something that is not in `own`. */
function hasNews(theirs: Digest, own: Digest): boolean {
	const held = new Map(own.map(({ writer, generation, sequence }) => [`${writer} ${generation}`, sequence]));
	return theirs.some(({ writer, generation, sequence }) => sequence > (held.get(`${writer} ${generation}`) ?? -1));
}

/** So many of them, all alike in chance. */
function drawn<T>(from: readonly T[], count: number, chance: Chance): readonly T[] {
	const left = [...from];
	return Array.from({ length: Math.min(count, left.length) }, () =>
		left.splice(Math.floor(chance.fraction() * left.length), 1),
	).flat();
}
