// One connected peer: its links (usually one; two when both dialled at once), the outgoing frames, the incoming frames.
// Must never: read two frame streams of the peer at the same time (the order would be lost), keep a link that is silent.

import { type Chance, type Clock, systemClock } from "../clock.js";
import { asSwarmError, SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { NodeId } from "../model.js";
import type { Link } from "./doorkeeper.js";
import type { FrameSource } from "./frame-source.js";
import { isOfFrames, openFrames } from "./frame-streams.js";
import { createFrameParser, keepAliveFrame } from "./frames.js";
import type { FramePlane, MeshStream } from "./mesh.js";
import { createOutbox, type Outbox } from "./outbox.js";
import { type Rate, type RateUse, takeFrom, unused } from "./pace.js";

/** An empty frame goes out after this long without another. */
export const KEEP_ALIVE_MS = 3_000;
/** Nothing heard for this long, while this process was awake: the link is cut and dialled again. */
export const SILENT_MS_MAX = 10_000;
/** How long frames that are under way on an older stream may hold up the next one. */
const OLD_FRAMES_MS_MAX = 1_000;
/** Faster peers are slowed down, not cut. */
const FRAME_RATE: Rate = { perSecond: 5_000, burst: 10_000 };

export interface PeerChannelOptions {
	readonly self: NodeId;
	readonly clock: Clock;
	readonly chance: Chance;
	readonly logger: Logger;
	awakeMs(): number;
	onFrame(from: NodeId, plane: FramePlane, frame: Uint8Array): void;
}

interface OpenLink {
	readonly link: Link;
	heardAtMs: number;
}

interface Incoming {
	readonly source: FrameSource;
	readonly done: Promise<void>;
}

export class PeerChannel {
	readonly peer: NodeId;
	readonly #options: PeerChannelOptions;
	readonly #outbox: Outbox;
	#links: readonly OpenLink[] = [];
	#outgoing: { readonly link: Link; stream: MeshStream | null } | null = null;
	#incoming: Incoming | null = null;
	#sentAtMs: number;
	#rate: RateUse = unused;

	constructor(peer: NodeId, options: PeerChannelOptions) {
		this.peer = peer;
		this.#options = options;
		this.#sentAtMs = options.awakeMs();
		this.#outbox = createOutbox((stream, thrown) => {
			if (this.#outgoing?.stream === stream) this.#cut(this.#outgoing.link, asSwarmError(thrown, "send frames"));
		});
	}

	add(link: Link): void {
		this.#links = [...this.#links, { link, heardAtMs: this.#options.awakeMs() }];
		this.#useBest();
	}

	/** True when it was the last. */
	remove(link: Link): boolean {
		this.#links = this.#links.filter((open) => open.link !== link);
		if (this.#outgoing?.link === link) {
			this.#outgoing = null;
			this.#outbox.detach();
		}
		if (this.#links.length > 0) this.#useBest();
		return this.#links.length === 0;
	}

	/** The link for new streams: of two, both ends choose the one that the node with the lower id dialled. */
	best(): Link | null {
		const dialledByLower = ({ link }: OpenLink) => link.dialled === this.#options.self < this.peer;
		return (this.#links.findLast(dialledByLower) ?? this.#links.at(-1))?.link ?? null;
	}

	offer(plane: FramePlane, encoded: Uint8Array): boolean {
		this.#sentAtMs = this.#options.awakeMs();
		return this.#outbox.offer(plane, encoded);
	}

	flushed(signal: AbortSignal): Promise<void> {
		return this.#outbox.flushed(signal);
	}

	/** Ends all links: the peer broke a limit. */
	cut(error: SwarmError): void {
		for (const { link } of this.#links) this.#cut(link, error);
	}

	/** Takes the frames of the peer to their end; an error of the peer's making cuts the link. */
	async receive(source: FrameSource, link: Link): Promise<void> {
		const older = this.#incoming;
		const { promise, resolve } = Promise.withResolvers<void>();
		this.#incoming = { source, done: promise };
		try {
			if (older !== null) await endOf(older);
			await this.#readFrames(source, link);
			await source.end();
		} catch (thrown) {
			const error = asSwarmError(thrown, "take frames");
			if (error.code === "corrupt" || error.code === "too-large") this.#cut(link, error);
			else source.abort(error);
		} finally {
			resolve();
		}
	}

	/** Once a second: keep-alives, silent links, links that are no longer needed. */
	tick(): void {
		const awakeMs = this.#options.awakeMs();
		if (awakeMs - this.#sentAtMs >= KEEP_ALIVE_MS) {
			this.#sentAtMs = awakeMs;
			this.#outbox.offer("keep-alive", keepAliveFrame);
		}
		const best = this.best();
		for (const { link, heardAtMs } of this.#links) {
			const silentMs = awakeMs - heardAtMs;
			if (link === best && silentMs > SILENT_MS_MAX) {
				this.#cut(link, new SwarmError("unreachable", `Cannot keep the link: silent for ${Math.round(silentMs)} ms`));
			} else if (link !== best && link.dialled && isUnused(link)) {
				link.connection.close().catch(() => link.connection.abort(new Error("not needed")));
			}
		}
	}

	#readFrames(source: FrameSource, link: Link): Promise<void> {
		const open = this.#links.find((candidate) => candidate.link === link);
		const { clock } = this.#options;
		const parse = createFrameParser((plane, frame) => this.#options.onFrame(this.peer, plane, frame));
		return source.each((bytes) => {
			if (open !== undefined) open.heardAtMs = this.#options.awakeMs();
			const { use, waitMs } = takeFrom(FRAME_RATE, this.#rate, parse(bytes), clock.monotonicMs());
			this.#rate = use;
			return waitMs;
		});
	}

	/** Frames go over the best link; what is under way on another ends first. */
	#useBest(): void {
		const link = this.best();
		if (link === null || this.#outgoing?.link === link) return;
		this.#outbox.detach();
		this.#outgoing?.stream?.end().catch(() => {});
		this.#outgoing = { link, stream: null };
		void this.#openOutgoing(link);
	}

	async #openOutgoing(link: Link): Promise<void> {
		try {
			const stream = await openFrames(link.connection, this.peer, this.#options);
			if (this.#outgoing?.link !== link) {
				await stream.end();
				return;
			}
			this.#outgoing.stream = stream;
			this.#outbox.attach(stream);
		} catch (thrown) {
			this.#cut(link, asSwarmError(thrown, "open the frame stream"));
		}
	}

	#cut(link: Link, error: SwarmError): void {
		if (link.connection.status !== "open") return;
		this.#options.logger.warn("cut a link", { peer: this.peer, reason: error.message });
		link.connection.abort(error);
	}
}

/** Only our frame streams are left on it. */
function isUnused(link: Link): boolean {
	return link.connection.streams.every(isOfFrames);
}

async function endOf(older: Incoming): Promise<void> {
	const cancel = systemClock.after(OLD_FRAMES_MS_MAX, () =>
		older.source.abort(new Error("a newer frame stream is open")),
	);
	await older.done;
	cancel();
}
