// The tokens that this node issued: who may still use which. Secrets are kept as hashes, in a file that only its owner
// can read; a use is on disk before the admission is answered, so a crash cannot make a token good again.
// Must never: keep or print a secret.

import { createHash, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import type { Chance, Clock } from "../clock.js";
import { SwarmError } from "../errors.js";
import type { NodeId } from "../model.js";
import { TOKEN_ID_BYTES, TOKEN_SECRET_BYTES } from "./join-token.js";
import { readSecretFile, writeSecretFile } from "./secret-file.js";

export const TOKEN_MS_LIFE_DEFAULT = 60 * 60 * 1000;
export const TOKEN_MS_LIFE_MAX = 30 * 24 * 60 * 60 * 1000;
export const TOKEN_USES_MAX = 1000;
/** Tokens kept at one time; when it is reached, expired and used ones are dropped. */
const TOKENS_MAX = 256;
const TOKENS_FILE = "tokens.json";

interface TokenEntry {
	/** Hexadecimal. */
	readonly id: string;
	/** SHA-256 of the secret, hexadecimal. */
	readonly secretHash: string;
	readonly expiresAtMs: number;
	readonly uses: number;
	/** Who used it. The same node may come again with it: its first answer may have been lost. */
	readonly usedBy: readonly NodeId[];
}

export interface IssuedToken {
	readonly id: Uint8Array;
	readonly secret: Uint8Array;
	readonly expiresAtMs: number;
}

export class TokenBook {
	readonly #path: string;
	readonly #clock: Clock;
	readonly #chance: Chance;
	#entries: readonly TokenEntry[];
	#last: Promise<unknown> = Promise.resolve();

	private constructor(path: string, entries: readonly TokenEntry[], ports: { clock: Clock; chance: Chance }) {
		this.#path = path;
		this.#entries = entries;
		this.#clock = ports.clock;
		this.#chance = ports.chance;
	}

	/** The book in `<stateDirectory>/tokens.json`; empty when there is none. */
	static async open(stateDirectory: string, ports: { clock: Clock; chance: Chance }): Promise<TokenBook> {
		const path = join(stateDirectory, TOKENS_FILE);
		return new TokenBook(path, entriesOf(await readSecretFile(path), path), ports);
	}

	/** Code `usage` for a life or a number of uses out of range, `conflict` when too many are open. */
	async issue(options: { readonly uses: number; readonly lifeMs: number }): Promise<IssuedToken> {
		checkRange("uses", options.uses, TOKEN_USES_MAX);
		checkRange("life in ms", options.lifeMs, TOKEN_MS_LIFE_MAX);
		const id = Uint8Array.from(this.#chance.bytes(TOKEN_ID_BYTES));
		const secret = Uint8Array.from(this.#chance.bytes(TOKEN_SECRET_BYTES));
		const expiresAtMs = (Math.floor(this.#clock.nowMs() / 1000) + Math.ceil(options.lifeMs / 1000)) * 1000;
		const entry = { id: hex(id), secretHash: hashOf(secret), expiresAtMs, uses: options.uses, usedBy: [] };
		await this.#change((entries) => {
			const nowMs = this.#clock.nowMs();
			const open = (token: TokenEntry) => token.expiresAtMs > nowMs && token.usedBy.length < token.uses;
			const kept = entries.length < TOKENS_MAX ? entries : entries.filter(open);
			if (kept.length >= TOKENS_MAX) {
				throw new SwarmError("conflict", `Cannot issue a token: ${TOKENS_MAX} are open, wait until some expire`);
			}
			return [...kept, entry];
		});
		return { id, secret, expiresAtMs };
	}

	knows(id: Uint8Array): boolean {
		return this.#entries.some((entry) => entry.id === hex(id));
	}

	/** Takes one use for `node`; resolves when that is on disk. Code `refused` with the reason. */
	async use(token: { readonly id: Uint8Array; readonly secret: Uint8Array }, node: NodeId): Promise<void> {
		const nowMs = this.#clock.nowMs();
		await this.#change((entries) => {
			const entry = entries.find((candidate) => candidate.id === hex(token.id));
			if (entry === undefined) throw refused("it is unknown here, it may have expired or been withdrawn");
			if (!sameHash(entry.secretHash, token.secret)) throw refused("its secret is wrong");
			if (entry.expiresAtMs <= nowMs) throw refused(`it expired at ${new Date(entry.expiresAtMs).toISOString()}`);
			if (entry.usedBy.includes(node)) return entries;
			if (entry.usedBy.length >= entry.uses) throw refused(`it is used up (${entry.uses} of ${entry.uses})`);
			return entries.map((other) => (other === entry ? { ...entry, usedBy: [...entry.usedBy, node] } : other));
		});
	}

	/** Forgets all tokens. */
	async clear(): Promise<void> {
		await this.#change(() => []);
	}

	/** One change at a time: computed from the last state, written, then visible. */
	#change(next: (entries: readonly TokenEntry[]) => readonly TokenEntry[]): Promise<void> {
		const turn = this.#last.then(async () => {
			const changed = next(this.#entries);
			if (changed === this.#entries) return;
			// Kept for a day after the end, so that "expired" can be told from "unknown".
			const kept = changed.filter((entry) => entry.expiresAtMs + 24 * 60 * 60 * 1000 > this.#clock.nowMs());
			await writeSecretFile(this.#path, JSON.stringify({ version: 1, tokens: kept }));
			this.#entries = kept;
		});
		this.#last = turn.catch(() => {});
		return turn;
	}
}

function entriesOf(content: Uint8Array | null, path: string): readonly TokenEntry[] {
	if (content === null) return [];
	try {
		const { version, tokens } = JSON.parse(Buffer.from(content).toString("utf8"));
		if (version !== 1 || !Array.isArray(tokens)) throw new Error("unknown form");
		return tokens;
	} catch (cause) {
		throw new SwarmError("corrupt", `Cannot read ${path}: it is damaged, remove it (open tokens are lost)`, { cause });
	}
}

function checkRange(what: string, given: number, maximum: number): void {
	if (Number.isSafeInteger(given) && given >= 1 && given <= maximum) return;
	throw new SwarmError("usage", `Cannot issue a token: ${what} is ${given}, wanted 1 to ${maximum}`);
}

function refused(why: string): SwarmError {
	return new SwarmError("refused", `Cannot admit with this token: ${why}`);
}

function hashOf(secret: Uint8Array): string {
	return createHash("sha256").update(secret).digest("hex");
}

function sameHash(kept: string, secret: Uint8Array): boolean {
	return timingSafeEqual(Buffer.from(kept, "hex"), Buffer.from(hashOf(secret), "hex"));
}

function hex(bytes: Uint8Array): string {
	return Buffer.from(bytes).toString("hex");
}
