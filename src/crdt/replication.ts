// Spreads envelopes: a push of every new one of ours to all connected peers, and anti-entropy (digests both ways, then what is
// missing) on every connect and whenever a peer turns out to hold something else, which also carries documents of third
// parties and repairs every loss. Must never: believe a peer (the document set verifies), or run more than one exchange with a peer at a time.

import type { Chance, Clock } from "../clock.js";
import { asSwarmError, SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import { FRAME_BYTES_MAX, type Mesh, type MeshStream } from "../mesh/mesh.js";
import type { NodeId } from "../model.js";
import type { Acceptance, Digest } from "./documents.js";
import { hashOfDigest, messagesOf, SYNC_PROTOCOL, writeMessage } from "./sync-codec.js";

/** One peer, drawn by chance, hears every 2 to 5 s the hash of what we hold; when it holds something else, it syncs. */
const SYNC_PERIOD_MS_MIN = 2000;
const SYNC_PERIOD_MS_MAX = 5000;
/** After a gap: time for the missing frame to arrive by itself. */
const GAP_DELAY_MS = 50;
const EXCHANGE_MS_MAX = 30_000;
/** Exchanges that one peer may have open here. */
const INBOUND_PER_PEER_MAX = 2;
/** Refused envelopes are logged once in this time for each peer. */
const COMPLAINT_PERIOD_MS = 60_000;

export interface ReplicationOptions {
	readonly mesh: Mesh;
	readonly clock: Clock;
	readonly chance: Chance;
	readonly logger: Logger;
	readonly digest: () => Digest;
	readonly missingFor: (digest: Digest) => readonly (readonly Uint8Array[])[];
	readonly receive: (chain: readonly Uint8Array[]) => Acceptance;
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
	let cancelPeriod = () => {};

	const complain = (peer: NodeId, thrown: unknown) => {
		mesh.complain(peer, asSwarmError(thrown, "sync"));
		const now = clock.monotonicMs();
		if (now - (complainedAt.get(peer) ?? Number.NEGATIVE_INFINITY) < COMPLAINT_PERIOD_MS) return;
		complainedAt.set(peer, now);
		options.logger.warn("a peer sent what cannot be taken", { peer, error: asSwarmError(thrown, "sync").message });
	};

	const receive = (peer: NodeId, chain: readonly Uint8Array[]) => {
		const acceptance = options.receive(chain);
		if (acceptance.kind === "gap") syncSoon(peer, GAP_DELAY_MS);
		if (acceptance.kind === "refused") complain(peer, acceptance.error);
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
		const run = runExchange(() => mesh.open(peer, SYNC_PROTOCOL, ending.signal)).catch((thrown) => {
			const error = asSwarmError(thrown, "sync");
			options.logger.debug("a sync did not finish", { peer, error: error.message });
			mesh.complain(peer, error);
		});
		outgoing.set(peer, run);
		await run;
		outgoing.delete(peer);
	};

	/** The same on both sides: our digest, theirs, what they lack, while taking what we lack. */
	const runExchange = async (open: () => Promise<MeshStream>) => {
		const stream = await open();
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
			await Promise.all([sendMissing(stream, first.digest), takeChains(stream.peer, next)]);
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
			if (!ending.signal.aborted) receive(peer, message.chain);
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
				await runExchange(async () => stream);
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
		if (kind === "connected" && mesh.self < node) syncSoon(node, 0);
		if (kind === "disconnected") complainedAt.delete(node);
	});
	const periodically = () => {
		const spread = options.chance.fraction() * (SYNC_PERIOD_MS_MAX - SYNC_PERIOD_MS_MIN);
		cancelPeriod = clock.after(SYNC_PERIOD_MS_MIN + spread, () => {
			const peers = mesh.peers();
			const peer = peers[Math.floor(options.chance.fraction() * peers.length)];
			if (peer !== undefined) mesh.send(peer, "digest", hashOfDigest(options.digest()));
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
			for (const cancel of waiting.values()) cancel();
			await Promise.all(outgoing.values());
		},
	};
}
