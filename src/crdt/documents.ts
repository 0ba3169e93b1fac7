// All documents known here, and the one way in for envelopes. A writer normally has one document; after it lost the end
// of its journal there can be a fork, kept until a later generation of the writer says it contains it. So the set of
// documents is a join: whoever received the same envelopes, in any order, holds the same documents.
// Must never: pass a payload on to Yjs before size, chain, certificate and the writer's signature (or that the writer itself told it) were
// checked; pass on to others, or keep on disk, what its writer did not sign.

import { asSwarmError, SwarmError } from "../errors.js";
import type { Verifier } from "../mesh/identity.js";
import type { NodeId, NodeRole } from "../model.js";
import { compareText } from "./canonical.js";
import { endHash, extendDocument, type HeldDocument, openDocument, wholeYjs } from "./document.js";
import { decodeEnvelope, type Envelope, HISTORY_MAX, hashOf, isSigned, type Position } from "./envelope.js";
import type { RecordKey } from "./state.js";

/** Documents of one writer kept at once; of more, the latest generations. */
export const FORKS_MAX = 8;
/** Writers known at once. */
export const WRITERS_MAX = 4096;

export interface DigestEntry extends Position {
	readonly writer: NodeId;
}

/** What one holds: the last position of every document, by writer, then generation. */
export type Digest = readonly DigestEntry[];

export type Acceptance =
	| {
			readonly kind: "accepted";
			readonly writer: NodeId;
			readonly changed: ReadonlySet<RecordKey>;
			readonly stored: readonly Uint8Array[];
	  }
	/** Held already, or contained in a later generation. */
	| { readonly kind: "known" }
	/** Something before it is missing: synchronise. */
	| { readonly kind: "gap"; readonly writer: NodeId }
	| { readonly kind: "refused"; readonly writer: NodeId | null; readonly error: SwarmError };

/**
 * Where envelopes come from. What its writer itself tells over an authenticated connection is its own for certain: its signature, which
 * others need, is checked a little later, once for all that came meanwhile.
 */
export type Trust = "verify" | "own-disk" | { readonly toldBy: NodeId };

/** What a writer told without having signed it: its document ends with `sequence` again. */
export interface Unsigned extends Position {
	readonly writer: NodeId;
	readonly changed: ReadonlySet<RecordKey>;
	/** `corrupt`. */
	readonly error: SwarmError;
}

export interface DocumentSet {
	/** By writer, then generation. */
	all(): readonly HeldDocument[];
	of(writer: NodeId): readonly HeldDocument[];
	digest(): Digest;
	/** Consecutive envelopes of one writer and generation; never throws. */
	accept(chain: readonly Uint8Array[], trust: Trust): Acceptance;
	/** Checks the signatures that were put off. */
	settle(): void;
	/** Chains that the holder of `digest` needs; only what its writer signed. */
	missingFor(digest: Digest): readonly (readonly Uint8Array[])[];
	/** Puts a document of our own in, and drops those that it contains. */
	install(document: HeldDocument): ReadonlySet<RecordKey>;
}

export interface DocumentSetOptions {
	readonly verify: Verifier;
	/** What the certificate makes of the writer; null: it is of no node of this cluster. */
	readonly admit: (writer: NodeId, certificate: Uint8Array) => NodeRole | null;
	readonly onUnsigned?: (unsigned: Unsigned) => void;
}

interface Link {
	readonly envelope: Envelope;
	readonly bytes: Uint8Array;
}

export function createDocumentSet(options: DocumentSetOptions): DocumentSet {
	const byWriter = new Map<NodeId, HeldDocument[]>();
	let sorted: readonly HeldDocument[] | null = null;
	/** Up to where each of these is known to be signed. */
	const unsettled = new Map<string, Position & { readonly writer: NodeId }>();

	const of = (writer: NodeId) => byWriter.get(writer) ?? [];

	const all = () => {
		sorted ??= [...byWriter.values()]
			.flat()
			.sort((a, b) => compareText(a.writer, b.writer) || a.generation - b.generation);
		return sorted;
	};

	const install = (document: HeldDocument): ReadonlySet<RecordKey> => {
		const held = of(document.writer).filter((other) => other.generation !== document.generation);
		const kept = [...held, document].filter((one) => !isContained(one, [...held, document]));
		kept.sort((a, b) => b.generation - a.generation);
		byWriter.set(document.writer, kept.slice(0, FORKS_MAX));
		sorted = null;
		// Facts come from the latest document only, so which one is latest changes what the others' keys mean, too.
		return new Set([...held, document].flatMap((one) => [...one.records.keys()]));
	};

	const accept = (chain: readonly Uint8Array[], trust: Trust): Acceptance => {
		let writer: NodeId | null = null;
		try {
			const links = chain.map((bytes) => ({ envelope: decodeEnvelope(bytes), bytes }));
			const first = links[0];
			if (first === undefined) return { kind: "known" };
			writer = first.envelope.writer;
			checkConsecutive(links);
			return acceptLinks(links, first.envelope, trust);
		} catch (thrown) {
			return { kind: "refused", writer, error: asSwarmError(thrown, "take an envelope") };
		}
	};

	const acceptLinks = (links: readonly Link[], first: Envelope, trust: Trust): Acceptance => {
		const { writer, generation } = first;
		const held = of(writer).find((document) => document.generation === generation) ?? null;
		const news = links.filter(({ envelope }) => held === null || envelope.sequence > held.sequence);
		const last = news.at(-1)?.envelope;
		if (last === undefined) return { kind: "known" };
		if (of(writer).some((document) => contains(document, last))) return { kind: "known" };
		if (held?.writable && trust !== "own-disk") {
			throw new SwarmError(
				"conflict",
				`Cannot take an update of ${writer}: it is this node's own, but it never made it`,
			);
		}
		if (news[0]?.envelope.sequence !== (held === null ? 0 : held.sequence + 1)) return { kind: "gap", writer };
		if (held !== null && typeof trust === "object" && trust.toldBy === writer) return extendUnsettled(held, news);
		if (trust !== "own-disk") verifyAll(news);
		const acceptance = held === null ? openNew(writer, news) : extendHeld(held, news, trust);
		unsettled.delete(nameOf(first));
		return acceptance;
	};

	const extendUnsettled = (held: HeldDocument, news: readonly Link[]): Acceptance => {
		const { writer, generation, sequence } = held;
		const acceptance = extendHeld(held, news, "verify");
		const name = nameOf(held);
		if (!unsettled.has(name)) unsettled.set(name, { writer, generation, sequence });
		return acceptance;
	};

	const settle = () => {
		for (const signed of [...unsettled.values()]) settleOne(signed);
	};

	const settleOne = ({ writer, generation, sequence }: Position & { readonly writer: NodeId }) => {
		unsettled.delete(nameOf({ writer, generation }));
		const held = of(writer).find((document) => document.generation === generation);
		const last = held?.chain.at(-1);
		if (held === undefined || last === undefined) return;
		// Asked for now, when nobody waits for it.
		endHash(held);
		if (isSigned(held, last, options.verify)) return;
		const changed = new Set([...held.records.keys(), ...install(reopened(held, sequence + 1))]);
		options.onUnsigned?.({ writer, generation, sequence, changed, error: unsignedError(writer) });
	};

	const openNew = (writer: NodeId, links: readonly Link[]): Acceptance => {
		if (!byWriter.has(writer) && byWriter.size >= WRITERS_MAX) {
			throw new SwarmError("refused", `Cannot take a document of ${writer}: ${WRITERS_MAX} writers are known`);
		}
		const [opening, ...rest] = links;
		if (opening?.envelope.kind !== "snapshot") throw new SwarmError("corrupt", "Cannot open a document: no snapshot");
		// What this node's own disk holds was admitted once.
		const role = options.admit(writer, opening.envelope.certificate) ?? "member";
		const document = openDocument(opening.envelope, opening.bytes, role);
		for (const link of rest) extendBy(document, link);
		const changed = install(document);
		return { kind: "accepted", writer, changed, stored: links.map(({ bytes }) => bytes) };
	};

	/** Keeps the good beginning when a later envelope is refused, if its writer signed the end of that, too: others ask for it. */
	const extendHeld = (held: HeldDocument, links: readonly Link[], trust: Trust): Acceptance => {
		const changed = new Set<RecordKey>();
		const stored: Link[] = [];
		for (const link of links) {
			try {
				for (const key of extendBy(held, link)) changed.add(key);
				stored.push(link);
			} catch (thrown) {
				const last = stored.at(-1);
				if (last === undefined) throw thrown;
				if (trust === "own-disk" || isSigned(last.envelope, last.bytes, options.verify)) break;
				install(reopened(held, held.chain.length - stored.length));
				throw thrown;
			}
		}
		return { kind: "accepted", writer: held.writer, changed, stored: stored.map(({ bytes }) => bytes) };
	};

	/** Each envelope has the hash of the whole one before it: with the last one its writer has signed all of them. */
	const verifyAll = (links: readonly Link[]) => {
		const last = links.at(-1);
		if (last === undefined || !isSigned(last.envelope, last.bytes, options.verify)) {
			throw unsignedError(last?.envelope.writer);
		}
		for (const { envelope } of links) {
			if (envelope.kind === "snapshot" && options.admit(envelope.writer, envelope.certificate) === null) {
				throw new SwarmError(
					"refused",
					`Cannot take a document of ${envelope.writer}: it is no member of this cluster`,
				);
			}
		}
	};

	const digest = () => all().map(({ writer, generation, sequence }) => ({ writer, generation, sequence }));

	const missingFor = (theirs: Digest) => {
		settle();
		const theirsByWriter = Map.groupBy(theirs, (entry) => entry.writer);
		return all().flatMap((document) => {
			const known = theirsByWriter.get(document.writer) ?? [];
			const same = known.find((entry) => entry.generation === document.generation);
			if (same !== undefined) {
				return same.sequence < document.sequence ? [document.chain.slice(same.sequence + 1)] : [];
			}
			// A later generation that we do not hold yet may contain this one: take that first, then look again.
			const later = known.filter((entry) => entry.generation > document.generation);
			const judged = later.every((entry) => of(entry.writer).some((one) => one.generation === entry.generation));
			return judged ? [document.chain] : [];
		});
	};

	return { all, of, digest, accept, settle, missingFor, install };
}

function unsignedError(writer: NodeId | undefined): SwarmError {
	return new SwarmError("corrupt", `Cannot take an envelope of ${writer}: it did not sign it`);
}

function nameOf({ writer, generation }: { readonly writer: NodeId; readonly generation: number }): string {
	return `${writer}/${generation}`;
}

/** Whether `document` takes over everything up to `position` of another generation of its writer. */
export function contains(document: Pick<HeldDocument, "generation" | "history">, position: Position): boolean {
	const entry = document.history.find(({ generation }) => generation === position.generation);
	if (entry !== undefined) return entry.sequence >= position.sequence;
	const oldest = document.history.at(-1);
	// A full history has forgotten its oldest entries; what is older than all of it was contained once.
	return document.history.length === HISTORY_MAX && oldest !== undefined && position.generation < oldest.generation;
}

function isContained(document: HeldDocument, others: readonly HeldDocument[]): boolean {
	return others.some((other) => other !== document && contains(other, document));
}

function extendBy(document: HeldDocument, { envelope, bytes }: Link): ReadonlySet<RecordKey> {
	if (envelope.kind !== "update")
		throw new SwarmError("corrupt", "Cannot extend a document: a snapshot opens a new one");
	if (Buffer.compare(envelope.previous, endHash(document)) !== 0) {
		const at = `${document.generation}/${envelope.sequence}`;
		throw new SwarmError("conflict", `Cannot extend the document of ${document.writer}: ${at} follows other updates`);
	}
	return extendDocument(document, envelope, bytes, payloadsOf);
}

/** A document for whoever reads it by Yjs. */
export function yjsOf(document: HeldDocument): HeldDocument["yjs"] {
	return wholeYjs(document, payloadsOf);
}

function payloadsOf(chain: readonly Uint8Array[]): readonly Uint8Array[] {
	return chain.map((link) => decodeEnvelope(link).payload);
}

/** The document as it was when it had so many envelopes. */
function reopened(document: HeldDocument, count: number): HeldDocument {
	const [opening, ...rest] = document.chain
		.slice(0, count)
		.map((bytes) => ({ envelope: decodeEnvelope(bytes), bytes }));
	if (opening?.envelope.kind !== "snapshot") throw new Error("a chain begins with a snapshot");
	const again = openDocument(opening.envelope, opening.bytes, document.role);
	for (const link of rest) extendBy(again, link);
	return again;
}

function checkConsecutive(links: readonly Link[]): void {
	for (let index = 1; index < links.length; index++) {
		const [before, after] = [links[index - 1], links[index]];
		if (before === undefined || after === undefined) continue;
		const follows =
			after.envelope.writer === before.envelope.writer &&
			after.envelope.generation === before.envelope.generation &&
			after.envelope.sequence === before.envelope.sequence + 1 &&
			Buffer.compare(after.envelope.previous, hashOf(before.bytes)) === 0;
		if (!follows) throw new SwarmError("corrupt", "Cannot take a chain of envelopes: they do not follow each other");
	}
}
