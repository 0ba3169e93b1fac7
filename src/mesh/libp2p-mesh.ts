// The Mesh port over libp2p: one node's door to its peers. Here the parts are put together; each has its own file:
// doorkeeper (who may speak), peer-channel (frames), redial (who should be connected), join and admission (the talks).
// Must never: hand a frame or stream of an unproved peer to a listener or handler.

import { networkInterfaces } from "node:os";
import { type Chance, type Clock, systemChance, systemClock } from "../clock.js";
import { asSwarmError, SwarmError } from "../errors.js";
import { type Logger, silentLogger } from "../log.js";
import type { NodeId, NodeRole } from "../model.js";
import {
	announcedMultiaddrs,
	dialMultiaddr,
	hostOfListen,
	isMultiaddr,
	LISTEN_DEFAULT,
	listenMultiaddr,
} from "./address.js";
import { AUTH_PROTOCOL } from "./admission.js";
import { type AwakeTime, notYetAwake, tick } from "./awake-clock.js";
import { type Breaches, createBreaches } from "./breaches.js";
import { BULK_PROTOCOL, BulkDoor } from "./bulk/bulk-door.js";
import { type Authority, type Certificate, checkName } from "./cluster-authority.js";
import { answerCredentials, CREDENTIALS_MS_MAX, CREDENTIALS_PROTOCOL } from "./credentials-exchange.js";
import { CredentialsKeeper } from "./credentials-keeper.js";
import { dial, orAborted, unreachable } from "./dialling.js";
import { Doorkeeper, JOIN_RATE, type Link } from "./doorkeeper.js";
import { frameProtocols, isOfFrames, takeFrames } from "./frame-streams.js";
import { encodeFrame, FRAMES_PROTOCOL } from "./frames.js";
import { GUEST_LIMITS, Guests } from "./guests.js";
import { loadIdentity } from "./identity.js";
import { askToJoin, JOIN_MS_MAX, JOIN_PROTOCOL, type Member, type Welcome } from "./join.js";
import { type JoinToken, parseToken } from "./join-token.js";
import { joinAtAny } from "./joining.js";
import {
	CONNECTION_LIMITS,
	type Connection,
	createLibp2pNode,
	type Libp2p,
	peerOf,
	type Stream,
	startLibp2pNode,
} from "./libp2p-node.js";
import { meshStreamOf } from "./libp2p-stream.js";
import type { FramePlane, HandleOptions, Mesh, MeshStream, OpenOptions, PeerEvent, StreamHandler } from "./mesh.js";
import type { MeshOptions } from "./mesh-options.js";
import { MeshStreams } from "./mesh-streams.js";
import { type ClusterMembership, emptyLedger, OwnMembership } from "./own-membership.js";
import { PeerChannel } from "./peer-channel.js";
import { Redialer } from "./redial.js";
import { isRevoked, verifyRevocation } from "./revocation.js";

const FRAME_STREAMS_MAX = 4;
const TICK_MS = 1_000;
const FLUSH_MS_MAX = 500;
const CLOSE_MS_MAX = 1_000;
/** Listens from now on; a member connects once `keepConnected` names others. Errors: `usage`, `conflict` (port taken). */
export async function createMesh(options: MeshOptions): Promise<Libp2pMesh> {
	const listen = options.listen ?? LISTEN_DEFAULT;
	const listenAddress = listenMultiaddr(listen);
	checkName(options.name);
	const identity = await loadIdentity(options.stateDirectory);
	const clock = options.clock ?? systemClock;
	const chance = options.chance ?? systemChance;
	const membership = await OwnMembership.load({
		self: identity.node,
		stateDirectory: options.stateDirectory,
		name: options.name,
		role: options.role ?? "member",
		clock,
		ledger: options.ledger ?? emptyLedger,
	});
	const limits = { ...CONNECTION_LIMITS, ...options.limits };
	const libp2p = await createLibp2pNode(identity.privateKey, listenAddress, limits);
	const logger = (options.logger ?? silentLogger).with({ part: "mesh" });
	const mesh = new Libp2pMesh({ ...options, listen, logger, clock, chance, self: identity.node, membership, libp2p });
	await mesh.start();
	return mesh;
}

interface Parts extends MeshOptions {
	readonly listen: string;
	readonly logger: Logger;
	readonly clock: Clock;
	readonly chance: Chance;
	readonly self: NodeId;
	readonly membership: OwnMembership;
	readonly libp2p: Libp2p;
}

export class Libp2pMesh implements Mesh {
	readonly self: NodeId;
	/** Peers with a capability. */
	readonly guests: Guests;
	readonly #parts: Parts;
	readonly #doorkeeper: Doorkeeper;
	readonly #redialer: Redialer;
	readonly #streams: MeshStreams;
	readonly #bulk: BulkDoor;
	readonly #bulkHandlers = new Map<string, StreamHandler>();
	readonly #breaches: Breaches;
	readonly #keeper: CredentialsKeeper;
	readonly #channels = new Map<NodeId, PeerChannel>();
	readonly #frameListeners = new Map<FramePlane, Set<(from: NodeId, frame: Uint8Array) => void>>();
	readonly #peerListeners = new Set<(event: PeerEvent) => void>();
	#members: readonly Member[] = [];
	#awake: AwakeTime = notYetAwake;
	#cancelTick: (() => void) | null = null;
	#stopped = false;
	#forgotten = false;

	/** Use createMesh. */
	constructor(parts: Parts) {
		const { clock, chance, logger, membership, self } = parts;
		this.#parts = parts;
		this.self = self;
		const limits = { ...CONNECTION_LIMITS, ...GUEST_LIMITS, joinRate: JOIN_RATE, ...parts.limits };
		this.guests = new Guests({ clock, logger, limits });
		this.#breaches = createBreaches(clock);
		this.#doorkeeper = new Doorkeeper({
			guests: this.guests,
			clock,
			logger,
			proof: () => membership.proof(),
			admitter: () => membership.admitter(() => [this.#asMember(), ...this.#wantedMembers()]),
			onAdmitted: (link) => this.#onAdmitted(link),
			joinRate: limits.joinRate,
			isFull: () => parts.libp2p.getConnections().length > limits.connectionsMax,
			onForgotten: (statement) => this.toldForgotten(statement),
		});
		this.#keeper = new CredentialsKeeper({
			...{ own: membership, clock, logger },
			peers: () => this.peers(),
			open: (to, protocol, signal) => this.open(to, protocol, signal),
		});
		this.#streams = new MeshStreams({
			...{ self, logger, libp2p: parts.libp2p, doorkeeper: this.#doorkeeper },
			linkTo: (to, protocol, signal) => this.#linkTo(to, protocol, signal),
			roleOf: (node) => this.roleOf(node),
			complain: (peer, error) => this.complain(peer, error),
			stopped: () => this.#stopped,
		});
		this.#bulk = new BulkDoor({
			...{ clock, chance, logger, listenHost: hostOfListen(parts.listen) },
			open: (to, protocol, signal) => this.#streams.open(to, protocol, signal),
			handlerOf: (protocol) => this.#bulkHandlers.get(protocol) ?? null,
		});
		this.#redialer = new Redialer({
			self: this.self,
			clock,
			chance,
			logger,
			isConnected: (node) => this.#channels.has(node),
			dial: (member, signal) => this.#dialMember(member, signal),
		});
	}

	async start(): Promise<void> {
		const { libp2p, listen } = this.#parts;
		libp2p.addEventListener("connection:open", ({ detail }) => this.#doorkeeper.opened(detail));
		libp2p.addEventListener("connection:close", ({ detail }) => this.#onClosed(detail));
		const once = { maxInboundStreams: 1, maxOutboundStreams: 1 };
		const door = this.#doorkeeper;
		await libp2p.handle(AUTH_PROTOCOL, (stream, connection) => void door.answerAuth(stream, connection), once);
		await libp2p.handle(JOIN_PROTOCOL, (stream, connection) => void door.answerJoin(stream, connection), once);
		await this.guests.listen(libp2p, (stream, connection) => door.answerCapability(stream, connection));
		const frames = { maxInboundStreams: FRAME_STREAMS_MAX, maxOutboundStreams: FRAME_STREAMS_MAX };
		const onFrames = (stream: Stream, connection: Connection) => void this.#onFrameStream(stream, connection);
		for (const protocol of frameProtocols) await libp2p.handle(protocol, onFrames, frames);
		this.#streams.handle(BULK_PROTOCOL, (stream, host) => this.#bulk.answer(stream, host));
		this.handle(CREDENTIALS_PROTOCOL, (stream) => this.#answerCredentials(stream), { readers: true });
		await startLibp2pNode(libp2p, listen);
		await this.#keeper.look();
		this.#dialWanted();
		this.#tickSoon();
	}

	// ---- the cluster ------------------------------------------------------------------------------------------------

	/** null while this node is in no cluster. */
	cluster(): ClusterMembership | null {
		return this.#parts.membership.current();
	}

	/** Makes a new cluster with this node as its first member. Code `conflict` when it is in one already. */
	async startCluster(nowMs?: number): Promise<ClusterMembership> {
		const own = await this.#parts.membership.found(nowMs);
		await this.#keeper.look();
		return own;
	}

	/**
	 * Becomes a member through the first address that lets it; the token's own addresses are tried after those given
	 * (`host`, `host:port` or multiaddr). Resolves when the membership is on disk and the admitting node is connected (or
	 * does not answer any more); the other members named are being dialled then.
	 * Errors: `usage` (bad token or address), `conflict` (already a member), `refused` (with the reason), `unreachable`.
	 */
	async join(tokenText: string, addresses: readonly string[], signal: AbortSignal): Promise<ClusterMembership> {
		const { membership } = this.#parts;
		membership.mustBeStranger("join");
		const token = parseToken(tokenText);
		const own = await membership.become(
			await joinAtAny(token, addresses, (place) => this.#joinAt(place, token, signal), signal),
		);
		await this.#keeper.look();
		this.#dialWanted();
		await this.#connectFirst(own.members, signal);
		return own;
	}

	/** The cluster key, to sign with. Code `conflict` when this node is a reader or waits for a new one. */
	authority(action: string): Authority {
		return this.#parts.membership.mustHoldKey(action);
	}

	/** A new authority for the whole cluster; `graceMs`: how long the old one is still accepted. Codes `usage`, `conflict`. */
	async rotateAuthority(graceMs: number): Promise<ClusterMembership> {
		const membership = await this.#parts.membership.rotate(graceMs);
		await this.#keeper.look();
		return membership;
	}

	/** The same node under another name; a reader needs a member that answers. Codes `usage`, `conflict`, `failed`. */
	async rename(name: string, signal: AbortSignal): Promise<void> {
		checkName(name);
		if (this.roleOf(this.self) === "reader") return this.#keeper.certificateFromPeer(name, signal);
		await this.#parts.membership.reissue({ name });
		await this.#keeper.look();
	}

	/** A member that runs nothing from now on. */
	async becomeWitness(): Promise<void> {
		await this.#parts.membership.reissue({ role: "witness" });
	}

	/** Cuts the links of nodes that are not to be here any more; call when revocations changed. */
	recheck(): void {
		this.#doorkeeper.recheck();
	}

	/** The cluster's word that a node was forgotten, believed when it is signed and means this one as it is now. */
	toldForgotten(statement: Uint8Array): void {
		const own = this.cluster();
		if (own === null || this.#forgotten) return;
		this.#guarded("a statement that this node was forgotten is not believed", () => {
			const revocation = verifyRevocation(statement, own.trust);
			if (revocation.node !== this.self || !isRevoked(own.certificate, revocation)) return;
			this.#forgotten = true;
			this.#parts.logger.error("the cluster has forgotten this node", { by: revocation.by });
			this.#parts.onForgotten?.(revocation);
		});
	}

	/** Forgets the cluster: certificate and key; links end. A stranger afterwards. */
	async leaveCluster(): Promise<void> {
		await this.#parts.membership.leave();
		this.keepConnected([]);
		for (const connection of this.#parts.libp2p.getConnections()) connection.abort(new Error("left the cluster"));
	}

	/** The certificate that a connected peer proved; null for others. */
	certificateOf(node: NodeId): Certificate | null {
		return this.#channels.get(node)?.best()?.certificate ?? null;
	}

	// ---- the port ---------------------------------------------------------------------------------------------------

	addresses(): readonly string[] {
		const { libp2p, listen, announce } = this.#parts;
		const bound = libp2p
			.getMultiaddrs()[0]
			?.getComponents()
			.find((component) => component.name === "tcp")?.value;
		const plain = announce?.map(dialMultiaddr) ?? announcedMultiaddrs(listen, Number(bound ?? 0), networkInterfaces());
		return plain.map((address) => `${address}/p2p/${this.self}`);
	}

	peers(): readonly NodeId[] {
		return [...this.#channels.keys()];
	}

	broadcast(plane: FramePlane, frame: Uint8Array): void {
		const encoded = encodeFrame(plane, frame);
		for (const channel of this.#channels.values()) channel.offer(plane, encoded);
	}

	send(to: NodeId, plane: FramePlane, frame: Uint8Array): void {
		this.#channels.get(to)?.offer(plane, encodeFrame(plane, frame));
	}

	onFrame(plane: FramePlane, listener: (from: NodeId, frame: Uint8Array) => void): () => void {
		const listeners = this.#frameListeners.get(plane) ?? new Set();
		this.#frameListeners.set(plane, listeners);
		listeners.add(listener);
		return () => void listeners.delete(listener);
	}

	onPeer(listener: (event: PeerEvent) => void): () => void {
		this.#peerListeners.add(listener);
		return () => void this.#peerListeners.delete(listener);
	}

	roleOf(node: NodeId): NodeRole {
		const certificate = node === this.self ? this.cluster()?.certificate : this.certificateOf(node);
		return certificate?.role ?? "reader";
	}

	handle(protocol: string, handler: StreamHandler, { readers = false, bulk = false }: HandleOptions = {}): void {
		const guarded = readers ? handler : this.#streams.notForReaders(protocol, handler);
		this.#streams.handle(protocol, guarded);
		if (bulk) this.#bulkHandlers.set(protocol, guarded);
	}

	async open(
		to: NodeId,
		protocol: string,
		signal: AbortSignal,
		{ bulk = null }: OpenOptions = {},
	): Promise<MeshStream> {
		const own = bulk === null ? null : await this.#bulk.open(to, protocol, bulk, signal);
		return own ?? (await this.#streams.open(to, protocol, signal)).stream;
	}

	complain(peer: NodeId, error: SwarmError): void {
		if (this.#breaches.count(peer, error)) this.#channels.get(peer)?.cut(error);
	}

	keepConnected(members: readonly Member[]): void {
		this.#members = members.filter((member) => member.node !== this.self);
		this.#dialWanted();
	}

	async stop(): Promise<void> {
		if (this.#stopped) return;
		this.#stopped = true;
		this.#cancelTick?.();
		this.#redialer.stop();
		this.#keeper.stop();
		const flush = AbortSignal.timeout(FLUSH_MS_MAX);
		await Promise.all([...this.#channels.values()].map((channel) => channel.flushed(flush)));
		const { libp2p } = this.#parts;
		const close = { signal: AbortSignal.timeout(CLOSE_MS_MAX) };
		await Promise.allSettled(
			libp2p.getConnections().map((connection) => {
				// Closing would end unfinished streams cleanly, and a reader would take a part for the whole.
				const unfinished = connection.streams.filter((stream) => !isOfFrames(stream));
				for (const stream of unfinished) stream.abort(new SwarmError("aborted", "Cannot go on: the mesh stops"));
				return connection.close(close);
			}),
		);
		this.#doorkeeper.stop();
		await this.#bulk.stop();
		await libp2p.stop();
	}

	// ---- inside -----------------------------------------------------------------------------------------------------

	#asMember(): Member {
		return { node: this.self, addresses: this.addresses() };
	}

	/** Nobody knows this node yet, so nobody else will dial. The first link is enough to begin with: it is not kept waiting. */
	async #connectFirst([first, ...others]: readonly Member[], signal: AbortSignal): Promise<void> {
		if (first !== undefined) await orAborted(this.#redialer.now(first.node), signal).catch(() => {});
		for (const { node } of others) this.#redialer.now(node).catch(() => {});
	}

	async #joinAt(place: string, token: JoinToken, signal: AbortSignal): Promise<Welcome> {
		const limit = AbortSignal.any([signal, AbortSignal.timeout(JOIN_MS_MAX)]);
		const connection = await dial(this.#parts.libp2p, [place], place, limit);
		try {
			const stream = meshStreamOf(await connection.newStream(JOIN_PROTOCOL, { signal: limit }), peerOf(connection));
			const candidate = { node: this.self, name: this.#parts.name, witness: this.#parts.role === "witness" };
			return await askToJoin(stream, token, { candidate, nowMs: this.#parts.clock.nowMs(), signal: limit });
		} finally {
			await connection.close({ signal: AbortSignal.timeout(CLOSE_MS_MAX) }).catch((thrown) => connection.abort(thrown));
		}
	}

	async #linkTo(to: NodeId, protocol: string, signal: AbortSignal): Promise<Link> {
		if (!this.#channels.has(to)) await orAborted(this.#redialer.now(to), signal);
		const link = this.#channels.get(to)?.best() ?? null;
		if (link === null) throw unreachable(to, protocol, "there is no connection");
		return link;
	}

	#wantedMembers(): readonly Member[] {
		return this.#members.length > 0 ? this.#members : (this.cluster()?.members ?? []);
	}

	#dialWanted(): void {
		this.#redialer.want(this.cluster() === null ? [] : this.#wantedMembers());
	}

	async #dialMember({ node, addresses }: Member, signal: AbortSignal): Promise<void> {
		const plain = addresses.filter(isMultiaddr).map((address) => address.split("/p2p/")[0]);
		if (plain.length === 0) throw new SwarmError("unreachable", `Cannot reach ${node}: no address is known`);
		const full = plain.map((address) => `${address}/p2p/${node}`);
		await this.#doorkeeper.prove(await dial(this.#parts.libp2p, full, node, signal), signal);
	}

	#onAdmitted(link: Link): void {
		const known = this.#channels.get(link.peer);
		const channel = known ?? new PeerChannel(link.peer, this.#channelOptions());
		this.#channels.set(link.peer, channel);
		channel.add(link);
		this.#redialer.found(link.peer);
		if (known === undefined) this.#tellPeer({ kind: "connected", node: link.peer });
	}

	#onClosed(connection: Connection): void {
		const peer = peerOf(connection);
		const link = this.#doorkeeper.closed(connection);
		// Strangers leave no trace in libp2p's peer store.
		if (link === null) this.#forget(connection);
		else if (this.#channels.get(peer)?.remove(link)) {
			this.#channels.delete(peer);
			this.#bulk.forget(peer);
			this.#tellPeer({ kind: "disconnected", node: peer });
			this.#redialer.lost(peer);
		}
	}

	#forget(connection: Connection): void {
		if (this.#channels.has(peerOf(connection)) || this.#stopped) return;
		this.#parts.libp2p.peerStore.delete(connection.remotePeer).catch(() => {});
	}

	#channelOptions() {
		const { clock, chance, logger } = this.#parts;
		return {
			...{ self: this.self, clock, chance, logger },
			awakeMs: () => this.#awake.awakeMs,
			onFrame: (from: NodeId, plane: FramePlane, frame: Uint8Array) => {
				for (const listener of this.#frameListeners.get(plane) ?? []) {
					this.#guarded("a frame listener failed", () => listener(from, frame));
				}
			},
		};
	}

	async #answerCredentials(stream: MeshStream): Promise<void> {
		const link = this.#channels.get(stream.peer)?.best();
		if (link === undefined || link === null) return;
		const { membership: own, clock } = this.#parts;
		const renewed = (certificate: Certificate) => this.#doorkeeper.renewed(certificate);
		const signal = AbortSignal.timeout(CREDENTIALS_MS_MAX);
		await answerCredentials(stream, link.certificate, { own, nowMs: clock.nowMs(), signal, renewed });
	}

	async #onFrameStream(stream: Stream, connection: Connection): Promise<void> {
		try {
			const link = await this.#doorkeeper.linkFor(connection, FRAMES_PROTOCOL);
			const frames = await takeFrames(stream, connection, link.peer, this.#parts);
			await this.#channels.get(link.peer)?.receive(frames, link);
		} catch (thrown) {
			stream.abort(asSwarmError(thrown, "take frames"));
		}
	}

	#tellPeer(event: PeerEvent): void {
		this.#parts.logger.info(`peer ${event.kind}`, { peer: event.node });
		for (const listener of this.#peerListeners) this.#guarded("a peer listener failed", () => listener(event));
	}

	#guarded(message: string, act: () => void): void {
		try {
			act();
		} catch (thrown) {
			this.#parts.logger.error(message, { reason: asSwarmError(thrown, "listen").message });
		}
	}

	#tickSoon(): void {
		this.#awake = tick(this.#awake, this.#parts.clock.monotonicMs());
		this.#cancelTick = this.#parts.clock.after(TICK_MS, () => {
			if (this.#stopped) return;
			this.#tickSoon();
			for (const channel of this.#channels.values()) channel.tick();
			this.guests.review();
			this.#doorkeeper.recheck();
			this.#keeper.look().catch((thrown) => this.#parts.logger.error("no new certificate", { reason: String(thrown) }));
		});
	}
}
