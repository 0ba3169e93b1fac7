// Calls about who is in the cluster: tokens, forgetting, names, the authority, round trips. Parses at the door; decides nothing.

import { SwarmError, shown } from "../../errors.js";
import { isRole } from "../../mesh/cluster-authority.js";
import type { NodeId } from "../../model.js";
import { type Asking, askNodes, membersOf } from "./ask-nodes.js";
import type { AuthorityChange, JoinLine, RttAnswer, RttRow, TokenRequest, TokenRow } from "./contract.js";
import { forward } from "./mesh-door.js";
import { type ApiAnswer, jsonAnswer, jsonBody, textOf } from "./message.js";

export interface AdmissionActions {
	createToken(request: TokenRequest): Promise<JoinLine>;
	tokens(): readonly TokenRow[];
	/** Code `not-found`. */
	revokeToken(id: string): Promise<{ readonly id: string }>;
	/** Code `refused` for one that is alive, without `force`. */
	forget(node: NodeId, force: boolean): Promise<void>;
	/** This node; code `conflict` when the name is taken. */
	rename(name: string, signal: AbortSignal): Promise<void>;
	rotateAuthority(graceMs: number): Promise<AuthorityChange>;
}

interface Match extends Asking {
	readonly daemon: AdmissionActions;
	readonly name: string;
}

export async function createToken({ daemon, call }: Match): Promise<ApiAnswer> {
	return jsonAnswer(await daemon.createToken(tokenRequestOf(await jsonBody(call))));
}

export function listTokens({ daemon }: Match): ApiAnswer {
	return jsonAnswer(daemon.tokens());
}

export async function revokeToken({ daemon, name }: Match): Promise<ApiAnswer> {
	return jsonAnswer(await daemon.revokeToken(name));
}

export async function forget({ daemon, operations, call, name }: Match): Promise<ApiAnswer> {
	const { force } = (await jsonBody(call)) as { force?: unknown };
	await daemon.forget(operations.nodeOf(name), force === true);
	return jsonAnswer({});
}

/** A node renames itself: asked of another one, the call is sent on. */
export async function rename({ daemon, operations, ports, call, name }: Match): Promise<ApiAnswer> {
	const node = operations.nodeOf(name);
	if (node !== ports.state.self) {
		if (call.local) return forward(ports.mesh, node, { ...call, path: `/v1/nodes/${node}/rename` });
		throw new SwarmError("conflict", `Cannot rename ${name}: it is not this node`);
	}
	const before = ports.own().name;
	const after = textOf(await jsonBody(call), "name");
	await daemon.rename(after, call.signal);
	return jsonAnswer({ before, after });
}

export async function rotateAuthority({ daemon, call }: Match): Promise<ApiAnswer> {
	const { graceMs } = (await jsonBody(call)) as { graceMs?: unknown };
	if (typeof graceMs !== "number")
		throw new SwarmError("usage", `Cannot rotate the authority: graceMs is ${shown(graceMs)}, wanted a number`);
	return jsonAnswer(await daemon.rotateAuthority(graceMs));
}

/** As each node measures them; asked by another node: what this one measures. */
export async function rtt(match: Match): Promise<ApiAnswer> {
	const here = () => rowsHere(match);
	if (!match.call.local) return jsonAnswer({ rows: here(), missing: [] } satisfies RttAnswer);
	const check = (value: unknown): value is RttAnswer => Array.isArray((value as Partial<RttAnswer> | null)?.rows);
	const answers = await askNodes<RttAnswer>(match, membersOf(match), {
		here: () => ({ rows: here(), missing: [] }),
		check,
	});
	return jsonAnswer({
		rows: answers.flatMap((answer) => ("value" in answer ? answer.value.rows : [])),
		missing: answers.flatMap((answer) => ("missing" in answer ? [{ node: answer.node, reason: answer.missing }] : [])),
	} satisfies RttAnswer);
}

function rowsHere(match: Match): readonly RttRow[] {
	const { ports } = match;
	const { nodes } = match.operations.view();
	const nameOf = (node: string) => [...nodes.values()].find((record) => record.node === node)?.name ?? node;
	return membersOf(match)
		.filter((node) => node !== ports.state.self)
		.map((node) => ({ from: ports.own().name, to: nameOf(node), rttMs: ports.membership.rttMs(node) }));
}

function tokenRequestOf(body: unknown): TokenRequest {
	const { ttlMs, uses, role = "member" } = body as Partial<Record<keyof TokenRequest, unknown>>;
	if (typeof ttlMs !== "number")
		throw new SwarmError("usage", `Cannot make a token: ttlMs is ${shown(ttlMs)}, wanted a number`);
	if (typeof uses !== "number")
		throw new SwarmError("usage", `Cannot make a token: uses is ${shown(uses)}, wanted a number`);
	if (!isRole(role))
		throw new SwarmError("usage", `Cannot make a token: role is ${shown(role)}, wanted member, witness or reader`);
	return { ttlMs, uses, role };
}
