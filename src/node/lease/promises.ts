// What this node promised as a voter, who it takes for voters and what it said about the next ones, on its disk: synced before anybody hears of it. Must never: forget one
// that was announced, or refuse to start over a torn end of its file.

import type { Disk } from "../../crdt/disk.js";
import type { Consent, Electorate, Proposal, Round } from "../../crdt/electorates.js";
import { createJournal, decodeJournal } from "../../crdt/journal.js";
import type { LeasePromise } from "../../crdt/leases.js";
import type { ContainerId, NodeId, VoterId } from "../../model.js";

export type Promised = LeasePromise & { readonly container: ContainerId };

export interface Promises {
	/** Part of the file was not readable: what this node promised in its last life is not known for sure. */
	readonly isDamaged: boolean;
	/** As found at the start. */
	readonly found: ReadonlyMap<ContainerId, LeasePromise>;
	/** That it last went by, as found at the start; null: none was kept. */
	readonly electorate: Electorate | null;
	/** As found at the start. */
	readonly consent: Consent | null;
	/** Resolves when they are on the disk. */
	keep(promises: readonly Promised[]): Promise<void>;
	/** Resolves when they are on the disk, instead of those before. */
	keepElectorate(electorate: Electorate): Promise<void>;
	/** Resolves when it is on the disk, instead of the one before. */
	keepConsent(consent: Consent): Promise<void>;
	/** Of containers that nobody wants any more. */
	drop(containers: readonly ContainerId[]): void;
	close(): Promise<void>;
}

export async function openPromises(disk: Disk): Promise<Promises> {
	const bytes = await disk.read();
	const found = new Map<ContainerId, LeasePromise>();
	let [electorate, consent]: [Electorate | null, Consent | null] = [null, null];
	const { entries, bytesCut } = bytes === null ? { entries: [], bytesCut: 0 } : decodeJournal(bytes);
	for (const entry of entries) {
		const value = contentOf(entry);
		electorate = electorateIn(value) ?? electorate;
		consent = consentIn(value) ?? consent;
		take(found, value);
	}
	const [electorateFound, consentFound] = [electorate, consent];
	const known = new Map(found);
	const journal = createJournal(disk, bytes?.length ?? 0);
	const whole = () => [
		...(electorate === null ? [] : [entryOf({ electorate })]),
		...(consent === null ? [] : [entryOf({ consent })]),
		...[...known].map(([container, { epoch, owner }]) => entryOf([container, epoch, owner])),
	];
	const write = async (entries: readonly Uint8Array[]) => {
		const size = whole().reduce((sum, entry) => sum + entry.length, 0);
		if (journal.needsRewrite(size)) await journal.rewrite(whole);
		else await journal.append(entries, "synced");
	};
	// A torn end is cut off before anything is written behind it.
	if (bytesCut > 0) await journal.rewrite(whole);
	return {
		isDamaged: bytesCut > 0,
		found,
		electorate: electorateFound,
		consent: consentFound,
		async keep(promises) {
			for (const { container, epoch, owner } of promises) known.set(container, { epoch, owner });
			await write(promises.map(({ container, epoch, owner }) => entryOf([container, epoch, owner])));
		},
		async keepElectorate(next) {
			electorate = next;
			await write([entryOf({ electorate })]);
		},
		async keepConsent(next) {
			consent = next;
			await write([entryOf({ consent })]);
		},
		drop(containers) {
			for (const container of containers) known.delete(container);
		},
		close: () => journal.close(),
	};
}

function entryOf(value: unknown): Uint8Array {
	return new TextEncoder().encode(JSON.stringify(value));
}

/** undefined for what was damaged in a way that its checksum did not show. */
function contentOf(entry: Uint8Array): unknown {
	try {
		return JSON.parse(new TextDecoder().decode(entry));
	} catch {
		return undefined;
	}
}

/** null for another entry. */
function electorateIn(value: unknown): Electorate | null {
	const { electorate } = (value ?? {}) as { electorate?: Electorate };
	const isOne = isCount(electorate?.number) && areVoters(electorate?.voters) && areVoters(electorate?.before);
	return isOne ? (electorate ?? null) : null;
}

/** null for another entry. */
function consentIn(value: unknown): Consent | null {
	const { consent } = (value ?? {}) as { consent?: Consent };
	if (consent === undefined || !isCount(consent.number)) return null;
	const { promised, accepted } = consent;
	return (promised === null || isRound(promised)) && (accepted === null || isProposal(accepted)) ? consent : null;
}

function isProposal(proposal: Proposal | undefined): boolean {
	return isRound(proposal?.round) && areVoters(proposal?.voters);
}

function isRound(round: Round | undefined): boolean {
	return isCount(round?.count) && typeof round?.by === "string";
}

function isCount(value: number | undefined): boolean {
	return Number.isSafeInteger(value);
}

function areVoters(value: readonly VoterId[] | undefined): boolean {
	return Array.isArray(value) && value.every((voter) => typeof voter === "string");
}

/** The last word counts. */
function take(into: Map<ContainerId, LeasePromise>, value: unknown): void {
	if (!Array.isArray(value)) return;
	const [container, epoch, owner] = value as [ContainerId, number, NodeId];
	if (typeof container === "string" && Number.isSafeInteger(epoch) && typeof owner === "string")
		into.set(container, { epoch, owner });
}
