// What a user can ask of a node about who is in the cluster.

import { SwarmError } from "../../errors.js";
import type { Libp2pMesh } from "../../mesh/libp2p-mesh.js";
import { acceptedUntilMs, linkOf } from "../../mesh/trust.js";
import type { AdmissionActions } from "../api/admission.js";
import type { JoinLine, TokenRequest } from "../api/contract.js";
import type { DaemonConfig } from "../config.js";
import type { NodeCore } from "../core.js";
import type { NodePorts } from "../ports.js";
import { keepConfig } from "../settings.js";
import { forgetNode } from "./forgetting.js";
import { nameInstead, objectionToName } from "./names.js";
import { tokenRows } from "./token-rows.js";
import type { Tokens } from "./tokens.js";

export interface AdmissionParts {
	readonly config: DaemonConfig;
	readonly mesh: Libp2pMesh;
	readonly ports: NodePorts;
	readonly core: NodeCore;
	readonly tokens: Tokens;
}

const RENAME_MS_MAX = 30_000;

export function createAdmissionActions(parts: AdmissionParts): AdmissionActions {
	const { mesh, ports, tokens } = parts;
	const { state, clock } = ports;
	return {
		createToken: (request) => joinLine(parts, request),
		tokens: () => tokenRows(state.view(), clock.nowMs()),
		async revokeToken(id) {
			return { id: (await tokens.revoke(id)).id };
		},
		async forget(node, force) {
			const record = state.view().nodes.get(node);
			if (record === undefined) throw new SwarmError("not-found", `Cannot forget ${node}: it is not known here`);
			const liveness = (of: typeof node) => ports.membership.liveness(of);
			const authority = (action: string) => mesh.authority(action);
			await forgetNode({ state, clock, liveness, authority, name: () => ports.own().name }, record, force);
		},
		rename: (name, signal) => rename(parts, name, signal),
		async rotateAuthority(graceMs) {
			const before = mesh.cluster()?.authority ?? "";
			const { authority, trust } = await mesh.rotateAuthority(graceMs);
			const old = linkOf(trust, before);
			return { fingerprint: authority, oldUntilMs: old === null ? clock.nowMs() : acceptedUntilMs(trust, old) };
		},
	};
}

/** Takes another name when one that joined earlier has this node's: two sides of a split gave it. Gives the end of that. */
export function keepNameUnique(parts: AdmissionParts): () => void {
	const { ports } = parts;
	const { state, logger } = ports;
	let isBusy = false;
	const look = () => {
		const before = ports.own().name;
		const name = isBusy ? null : nameInstead(state.view(), state.self);
		if (name === null) return;
		isBusy = true;
		logger.warn("another node has this name and joined earlier: this one takes another", { name: before, after: name });
		rename(parts, name, AbortSignal.timeout(RENAME_MS_MAX))
			.catch((error: unknown) => logger.error("no other name was taken", { error: String(error) }))
			.finally(() => {
				isBusy = false;
			});
	};
	look();
	return state.subscribe(look);
}

async function rename(parts: AdmissionParts, name: string, signal: AbortSignal): Promise<void> {
	const { mesh, ports, core, config } = parts;
	if (name === ports.own().name) return;
	const why = objectionToName(ports.state.view(), name, mesh.self, ports.clock.nowMs());
	if (why !== null) throw new SwarmError("conflict", `Cannot rename this node: ${why}, choose another`);
	await mesh.rename(name, signal);
	await keepConfig({ ...config, name });
	await core.announce();
}

async function joinLine({ mesh, tokens }: AdmissionParts, request: TokenRequest): Promise<JoinLine> {
	const { ttlMs, uses, role } = request;
	const { text, record } = await tokens.create({ lifeMs: ttlMs, uses, role });
	const address = mesh.addresses()[0] ?? "";
	const command = `swarm node join ${address} --token ${text}`;
	return { id: record.id, address, token: text, command, expiresAtMs: record.expiresAtMs };
}
