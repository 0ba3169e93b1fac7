// Join tokens in the replicated state: made, listed, withdrawn, and counted. One node counts at a time: the one that made the token;
// while that one cannot be asked, the first by id of the connected members and witnesses. So uses are right while the cluster is
// whole; each side of a split counts for itself, and what was used too often is told as an event.
// Must never: write a secret anywhere, answer an admission before its use is on disk.

import type { Chance, Clock } from "../../clock.js";
import type { ClusterView, State } from "../../crdt/state.js";
import { asSwarmError, SwarmError } from "../../errors.js";
import { fieldsOf } from "../../mesh/admission.js";
import type { Candidate, GivenToken, Use } from "../../mesh/join.js";
import { formatToken, TOKEN_ID_BYTES, TOKEN_SECRET_BYTES } from "../../mesh/join-token.js";
import type { Mesh, MeshStream } from "../../mesh/mesh.js";
import { messagesOver } from "../../mesh/messages.js";
import {
	hashOfSecret,
	judgeUse,
	TOKEN_MS_LIFE_MAX,
	TOKEN_MS_LIFE_MIN,
	TOKEN_USES_MAX,
	type TokenFacts,
} from "../../mesh/token-use.js";
import { bytesOf, textOf } from "../../mesh/wire.js";
import type { AdmissionRecord, NodeId, NodeRole, TokenRecord } from "../../model.js";
import { objectionToName } from "./names.js";

export const TOKEN_PROTOCOL = "/swarm/token/1";
/** Tokens of one node that can still be used, at one time. */
export const OPEN_TOKENS_MAX = 256;
const COUNT_MS_MAX = 8_000;
const MESSAGE_BYTES_MAX = 4 * 1024;

export interface TokenWish {
	readonly lifeMs: number;
	readonly uses: number;
	readonly role: NodeRole;
}

export interface Tokens {
	/** Resolves with the token's text when its record is on disk. Codes `usage`, `conflict`, `refused` on a reader. */
	create(wish: TokenWish): Promise<{ readonly text: string; readonly record: TokenRecord }>;
	/** `id`: the token's, or the beginning of it. Codes `not-found`, `usage`. */
	revoke(id: string): Promise<TokenRecord>;
	takesToken(id: Uint8Array, issuer: NodeId): boolean;
	/** For a candidate that this node is about to admit. Code `refused` with the reason. */
	use(token: GivenToken, candidate: Candidate): Promise<Use>;
	/** Answers members that ask this node to count. */
	serve(): void;
}

export interface TokensOptions {
	readonly state: State;
	readonly mesh: Mesh;
	/** Of the present authority, SHA-256, base64url. */
	readonly authority: () => string;
	readonly clock: Clock;
	readonly chance: Chance;
}

export function createTokens(options: TokensOptions): Tokens {
	const { state, mesh, clock } = options;
	let counting: Promise<unknown> = Promise.resolve();

	/** Takes the use here, one after the other, durably. */
	const count = (token: GivenToken, candidate: Candidate): Promise<NodeRole> => {
		const turn = counting.then(async () => {
			const id = hex(token.id);
			const facts = factsOf(state.view(), id);
			const verdict = judgeUse(facts, { secret: token.secret, node: candidate.node, nowMs: clock.nowMs() });
			const record = facts.token;
			if (record === null) throw new SwarmError("failed", `Cannot count a use of the token ${id}: it has no record`);
			refuseTakenName(state, candidate, clock.nowMs());
			if (verdict === "use") await state.commit([admissionOf(record, candidate, state.self, clock.nowMs())]);
			return record.role;
		});
		counting = turn.catch(() => {});
		return turn;
	};

	const countAt = async (counter: NodeId, token: GivenToken, candidate: Candidate): Promise<NodeRole> => {
		if (counter === state.self) return count(token, candidate);
		const signal = AbortSignal.timeout(COUNT_MS_MAX);
		const pipe = messagesOver(await mesh.open(counter, TOKEN_PROTOCOL, signal), "the count of a token", signal);
		await pipe.write("use", token.id, token.secret, candidate.node, candidate.name);
		const [role] = fieldsOf(await pipe.read(MESSAGE_BYTES_MAX), "used", counter);
		return roleOf(role);
	};

	const answer = async (stream: MeshStream) => {
		const pipe = messagesOver(stream, "the count of a token", AbortSignal.timeout(COUNT_MS_MAX));
		try {
			const fields = fieldsOf(await pipe.read(MESSAGE_BYTES_MAX), "use", stream.peer);
			const id = bytesOf(fields[0], "use.id", TOKEN_ID_BYTES, TOKEN_ID_BYTES);
			const secret = bytesOf(fields[1], "use.secret", TOKEN_SECRET_BYTES, TOKEN_SECRET_BYTES);
			const node = textOf(fields[2], "use.node", 64) as NodeId;
			const candidate = { node, name: textOf(fields[3], "use.name", 63), witness: false };
			await pipe.write("used", await count({ id, secret, issuer: state.self }, candidate));
		} catch (thrown) {
			await pipe.write("refused", asSwarmError(thrown, "count a token").message.slice(0, 512));
		}
		await stream.end();
	};

	return {
		async create(wish) {
			checkWish(wish);
			if (mesh.roleOf(state.self) === "reader") {
				throw new SwarmError("refused", "Cannot make a token: this node is a reader, ask a member");
			}
			const nowMs = Math.floor(clock.nowMs());
			refuseTooMany(state.view(), state.self, nowMs);
			const id = Uint8Array.from(options.chance.bytes(TOKEN_ID_BYTES));
			const secret = Uint8Array.from(options.chance.bytes(TOKEN_SECRET_BYTES));
			// The text holds whole seconds.
			const expiresAtMs = Math.ceil((nowMs + wish.lifeMs) / 1000) * 1000;
			const { uses, role } = wish;
			const about = { id: hex(id), writer: state.self, secretHash: hashOfSecret(secret), role, uses };
			const record: TokenRecord = { kind: "token", ...about, createdAtMs: nowMs, expiresAtMs };
			await state.commit([record]);
			const fingerprint = Buffer.from(options.authority(), "base64url");
			const addresses = addressesFor(state, mesh);
			const text = formatToken({ id, secret, fingerprint, expiresAtMs, issuer: state.self, addresses });
			return { text, record };
		},
		async revoke(id) {
			const record = tokenNamed(state, id);
			if (state.view().revocations.has(record.id)) return record;
			const about = { of: "token", id: record.id, name: null, statement: null } as const;
			const revokedAtMs = Math.floor(clock.nowMs());
			const { expiresAtMs } = record;
			await state.commit([{ kind: "revocation", writer: state.self, revokedAtMs, ...about, expiresAtMs }]);
			return record;
		},
		takesToken: (id, issuer) =>
			state.view().tokens.has(hex(id)) || (issuer !== state.self && mesh.peers().includes(issuer)),
		async use(token, candidate) {
			const { self } = state;
			const reachable = mesh.peers().filter((peer) => mesh.roleOf(peer) !== "reader");
			const others = [self, ...reachable].filter((node) => node !== token.issuer).sort();
			const first = token.issuer === self || reachable.includes(token.issuer) ? [token.issuer] : [];
			for (const counter of [...first, ...others]) {
				try {
					const role = await countAt(counter, token, candidate);
					return { role, admittedAtMs: admissionTime(state, candidate.node, clock.nowMs()) };
				} catch (thrown) {
					const error = asSwarmError(thrown, "count a token");
					if (error.code !== "unreachable" && error.code !== "aborted") throw withoutPeer(error);
				}
			}
			throw new SwarmError("unreachable", "Cannot admit with this token: nobody can count its use now, try again");
		},
		serve: () => mesh.handle(TOKEN_PROTOCOL, answer),
	};
}

/** By id or the beginning of one. Codes `not-found`, `usage`. */
function tokenNamed(state: State, id: string): TokenRecord {
	const found = [...state.view().tokens.values()].filter((token) => token.id.startsWith(id));
	const [token, second] = found;
	if (token === undefined || id === "") {
		throw new SwarmError("not-found", `Cannot find the token ${id}: see \`swarm token ls\``);
	}
	if (second === undefined) return token;
	throw new SwarmError("usage", `Cannot tell which token: ${id} is the beginning of ${found.length}`);
}

function factsOf({ tokens, admissions, revocations }: ClusterView, id: string): TokenFacts {
	const usedBy = [...admissions.values()].filter((admission) => admission.token === id).map(({ node }) => node);
	return { token: tokens.get(id) ?? null, revoked: revocations.get(id)?.of === "token", usedBy };
}

/** After every revocation of that node, also when the clock that stood in it is ahead of ours. */
function admissionTime(state: State, node: NodeId, nowMs: number): number {
	const revocation = state.view().revocations.get(node);
	return Math.floor(revocation?.of === "node" ? Math.max(nowMs, revocation.revokedAtMs + 1) : nowMs);
}

function admissionOf(token: TokenRecord, candidate: Candidate, writer: NodeId, nowMs: number): AdmissionRecord {
	const { node, name } = candidate;
	const times = { admittedAtMs: Math.floor(nowMs), expiresAtMs: token.expiresAtMs };
	return { kind: "admission", token: token.id, node, name, writer, ...times };
}

function refuseTakenName(state: State, candidate: Candidate, nowMs: number): void {
	const why = objectionToName(state.view(), candidate.name, candidate.node, nowMs);
	if (why !== null)
		throw new SwarmError("refused", `Cannot admit ${candidate.name}: ${why}, choose another with --name`);
}

function checkWish({ lifeMs, uses }: TokenWish): void {
	const isIn = (value: number, least: number, most: number) =>
		Number.isSafeInteger(value) && value >= least && value <= most;
	if (!isIn(lifeMs, TOKEN_MS_LIFE_MIN, TOKEN_MS_LIFE_MAX)) {
		throw new SwarmError("usage", `Cannot make a token: its life is ${lifeMs} ms, wanted 1 s to 30 days`);
	}
	if (isIn(uses, 1, TOKEN_USES_MAX)) return;
	throw new SwarmError("usage", `Cannot make a token: uses is ${uses}, wanted 1 to ${TOKEN_USES_MAX}`);
}

function refuseTooMany(view: ClusterView, self: NodeId, nowMs: number): void {
	const own = [...view.tokens.values()].filter((token) => token.writer === self);
	const open = own.filter((token) => {
		const { revoked, usedBy } = factsOf(view, token.id);
		return !revoked && token.expiresAtMs > nowMs && usedBy.length < token.uses;
	});
	if (open.length < OPEN_TOKENS_MAX) return;
	const way = "revoke some with `swarm token revoke` or wait until they expire";
	throw new SwarmError("conflict", `Cannot make a token: ${OPEN_TOKENS_MAX} of this node are open, ${way}`);
}

/** This node's, then one of each other that may admit. */
function addressesFor(state: State, mesh: Mesh): readonly string[] {
	const others = [...state.view().nodes.values()].filter(
		(record) => !record.left && record.node !== state.self && record.role !== "reader",
	);
	return [...mesh.addresses(), ...others.flatMap((record) => record.addresses.slice(0, 1))];
}

function roleOf(value: unknown): NodeRole {
	if (value === "member" || value === "witness" || value === "reader") return value;
	throw new SwarmError("corrupt", "Cannot count a token: the answer names no role");
}

/** The counting node's reason as our own: the newcomer does not know who counts. */
function withoutPeer(error: SwarmError): SwarmError {
	const { reason } = error.details;
	return typeof reason === "string" ? new SwarmError(error.code, reason) : error;
}

function hex(bytes: Uint8Array): string {
	return Buffer.from(bytes).toString("hex");
}
