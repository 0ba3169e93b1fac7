// The replicated state: envelopes, the documents they make, records, the messages of a synchronisation, the journal on disk. Documents of
// a member that signs what no honest one writes are as much from outside as bytes of a stranger.

import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import * as Y from "yjs";
import type { Disk } from "../../../src/crdt/disk.js";
import type { DocumentSet } from "../../../src/crdt/documents.js";
import { decodeEnvelope, type Envelope, encodeEnvelope, FIRST_HASH } from "../../../src/crdt/envelope.js";
import { decodeJournal } from "../../../src/crdt/journal.js";
import { decodeRecord, isOfUnknownKind } from "../../../src/crdt/record-codec.js";
import { keyOf } from "../../../src/crdt/state.js";
import { chainFrame, encodeSync, messagesOf } from "../../../src/crdt/sync-codec.js";
import { viewOf } from "../../../src/crdt/view.js";
import type { ContainerId, NodeId, StateRecord } from "../../../src/model.js";
import { openPromises } from "../../../src/node/lease/promises.js";
import type { SimChance } from "../../cluster/sim/sim-chance.js";
import { signerFor } from "../../cluster/sim/sim-signature.js";
import {
	aClaim,
	aContainer,
	aNode,
	anAdmission,
	anImage,
	aRevocation,
	aSpecRecord,
	aToken,
} from "../../crdt/records.js";
import { aDocumentSet, certificateOf, chainOf } from "../../crdt/writing.js";
import { type Decoder, jsonSeed, piecesOf } from "../decoder.js";

const [N1, N2] = ["N1", "N2"] as [NodeId, NodeId];
const records: readonly StateRecord[] = [
	aSpecRecord(N1, "web"),
	aClaim(N1, "web.0"),
	aContainer(N1, "web.0"),
	aNode(N1),
	anImage(N1, "host"),
	aToken(N1),
	anAdmission(N1, N2),
	aRevocation(N1),
	{ kind: "volume", name: "data", node: N1, labels: { tier: "a" }, createdAtMs: 5 },
];
const chain = chainOf(N1, [records.slice(0, 3), records.slice(3, 6), records.slice(6)]);
const otherChain = chainOf(N2, [[aSpecRecord(N2, "db")], [aClaim(N2, "db.0")]]);
const envelopes = [...chain, ...otherChain];
/** A long fork of the first: the same generation, other updates. */
const forkOfOne = chainOf(N1, [[aSpecRecord(N1, "cache")]]);

function framed(body: Uint8Array): Uint8Array {
	const length = Buffer.alloc(4);
	length.writeUInt32BE(body.length);
	return Buffer.concat([length, body]);
}

function journalEntry(body: Uint8Array): Uint8Array {
	const head = Buffer.alloc(8);
	head.writeUInt32BE(body.length);
	head.writeUInt32BE(crc32(body), 4);
	return Buffer.concat([head, body]);
}

/** What a member can sign: the next envelope of its document, or a whole new one, with any payload. */
function memberSigned(payload: Uint8Array, chance: SimChance): Uint8Array {
	const opening = decodeEnvelope(chain[0] as Uint8Array);
	const isNew = chance.happens(0.5);
	const base = { writer: N1, previous: FIRST_HASH, payload };
	const history = chance.happens(0.5) ? [] : [{ generation: opening.generation, sequence: chance.below(4) }];
	const envelope: Envelope = isNew
		? {
				...{ ...base, kind: "snapshot", generation: opening.generation + 1 + chance.below(3), sequence: 0 },
				...{ history, certificate: certificateOf(N1, chance.pick(["member", "reader", "witness"])) },
			}
		: { ...base, kind: "update", generation: opening.generation, sequence: 1, previous: hashOfFirst };
	return encodeEnvelope(envelope, signerFor(N1));
}
const hashOfFirst = decodeEnvelope(chain[1] as Uint8Array).previous;

/** A Yjs document with values that no honest node writes, as its update. */
function strangeUpdate(fill: (doc: Y.Doc) => void): Uint8Array {
	const doc = new Y.Doc();
	doc.clientID = 77;
	doc.transact(() => fill(doc));
	return Y.encodeStateAsUpdate(doc);
}

const payloads = [
	...[...chain, ...otherChain].map((bytes) => decodeEnvelope(bytes).payload),
	strangeUpdate((doc) => {
		const map = doc.getMap("records");
		map.set("spec/web", new Y.Map([["kind", "spec"]]));
		map.set("claim/web.0", new Uint8Array(40));
		map.set("x", { kind: "of the future", list: [1, 2n, undefined, Number.NaN] });
	}),
	strangeUpdate((doc) => void doc.getArray("records").push([1, 2, 3])),
	strangeUpdate((doc) => void doc.getText("about").insert(0, "schema")),
];

const memoryDisk = (bytes: Uint8Array): Disk => ({
	read: async () => (bytes.length > 0 ? bytes : null),
	...{ append: async () => {}, sync: async () => {}, replace: async () => {}, close: async () => {} },
});

function assertGenuine(documents: DocumentSet): void {
	const genuine = [...chain, ...otherChain, ...forkOfOne];
	for (const held of documents.all())
		for (const one of held.chain)
			assert(
				genuine.some((good) => Buffer.compare(good, one) === 0),
				"held what nobody signed",
			);
}

export const stateDecoders: readonly Decoder[] = [
	{
		name: "envelopes",
		seeds: envelopes,
		form: "bytes",
		read(bytes) {
			const documents = aDocumentSet();
			for (const good of chain) documents.accept([good], "verify");
			const before = JSON.stringify(documents.digest());
			const acceptance = documents.accept([bytes], "verify");
			if (acceptance.kind === "refused") throw acceptance.error;
			if (acceptance.kind !== "accepted") return null;
			assert(Buffer.compare(bytes, otherChain[0] as Uint8Array) === 0, "accepted what nobody signed");
			return before;
		},
	},
	{
		name: "chains of envelopes",
		seeds: [...chain, ...otherChain, ...forkOfOne],
		form: "talk",
		wrap: framed,
		read(bytes) {
			const documents = aDocumentSet();
			const links: Uint8Array[] = [];
			for (let at = 0; at + 4 <= bytes.length && links.length < 50; ) {
				const length = Buffer.from(bytes).readUInt32BE(at);
				links.push(bytes.subarray(at + 4, at + 4 + length));
				at += 4 + length;
			}
			const acceptance = documents.accept(links, "verify");
			for (const link of links) documents.accept([link], "verify");
			assertGenuine(documents);
			if (acceptance.kind === "refused") throw acceptance.error;
			return acceptance.kind === "accepted" ? acceptance : null;
		},
	},
	{
		name: "updates that their writer tells itself",
		seeds: [...chain, ...otherChain, ...forkOfOne],
		form: "bytes",
		read(bytes) {
			const documents = aDocumentSet();
			documents.accept(chain.slice(0, 2), "verify");
			const acceptance = documents.accept([bytes], { toldBy: N1 });
			documents.settle();
			assertGenuine(documents);
			if (acceptance.kind === "refused") throw acceptance.error;
			return acceptance.kind === "accepted" ? acceptance : null;
		},
	},
	{
		name: "documents of a member that lies",
		seeds: payloads,
		form: "bytes",
		wrap: memberSigned,
		read(bytes) {
			const documents = aDocumentSet();
			documents.accept(chain.slice(0, 1), "verify");
			documents.accept(otherChain, "verify");
			const acceptance = documents.accept([bytes], "verify");
			const { specs } = viewOf(documents.all());
			assert(specs.has("db"), "a member's lie took the record of another");
			if (acceptance.kind === "refused") throw acceptance.error;
			return acceptance.kind === "accepted" ? acceptance : null;
		},
	},
	{
		name: "records",
		seeds: records.map((record) => jsonSeed([keyOf(record), record])),
		form: "json",
		read(bytes) {
			const given = parsedOrNull(bytes);
			const [key, value] = Array.isArray(given) ? (given as readonly unknown[]) : [];
			if (typeof key !== "string" || isOfUnknownKind(value)) return null;
			const decoded = decodeRecord(key, value, N1);
			const place = { writer: N1, generation: 1, history: [] };
			return viewOf([{ ...place, records: new Map([[keyOf(decoded), decoded]]) }]);
		},
	},
	{
		name: "messages of a synchronisation",
		seeds: [
			chainFrame(chain),
			chainFrame(otherChain.slice(1)),
			framed(encodeSync({ kind: "digest", digest: [{ writer: N1, generation: 5, sequence: 2 }] })),
			framed(encodeSync({ kind: "digest", digest: [] })),
			// Announces what never comes.
			Uint8Array.of(1, 0, 0, 0, 2),
		],
		form: "talk",
		async read(bytes, chance) {
			const pieces = piecesOf(bytes, chance);
			const next = messagesOf({ read: async () => pieces.next().value ?? null });
			let count = 0;
			while ((await next()) !== null) count++;
			return count === 0 ? null : count;
		},
	},
	{
		name: "journal",
		seeds: envelopes,
		form: "talk",
		wrap: journalEntry,
		read(bytes) {
			const { entries, bytesCut } = decodeJournal(bytes);
			const total = entries.reduce((sum, entry) => sum + entry.length + 8, bytesCut);
			assert.equal(total, bytes.length, "bytes of the journal are neither entries nor cut");
			const documents = aDocumentSet();
			for (const entry of entries) documents.accept([entry], "own-disk");
			return entries.length === 0 ? null : entries.length;
		},
	},
	{
		name: "promises on disk",
		seeds: [
			jsonSeed(["web.0" as ContainerId, 4, N1]),
			jsonSeed({ electorate: { number: 3, voters: [`${N1}@0`, `${N2}@5`], before: [`${N1}@0`] } }),
			jsonSeed({
				consent: {
					number: 4,
					promised: { count: 2, by: N1 },
					accepted: { round: { count: 1, by: N2 }, voters: [`${N2}@5`] },
				},
			}),
		],
		form: "talk",
		wrap: journalEntry,
		async read(bytes) {
			const promises = await openPromises(memoryDisk(bytes));
			await promises.close();
			return promises.found.size === 0 ? null : promises.found.size;
		},
	},
];

function parsedOrNull(bytes: Uint8Array): unknown {
	try {
		return JSON.parse(new TextDecoder().decode(bytes));
	} catch {
		return null;
	}
}
