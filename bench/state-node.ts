// Members in this process for benches of the state: real libp2p, real journals on disk, everything as the daemon has it but containers.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemChance, systemClock } from "../src/clock.js";
import { openDisk } from "../src/crdt/disk.js";
import type { State } from "../src/crdt/state.js";
import { openState } from "../src/crdt/store.js";
import { silentLogger } from "../src/log.js";
import { createVerifier, loadIdentity, signerOf } from "../src/mesh/identity.js";
import { createMesh, type Libp2pMesh } from "../src/mesh/libp2p-mesh.js";
import { lateLedger } from "../src/node/admission/ledger.js";
import { createTokens } from "../src/node/admission/tokens.js";

export interface StateNode {
	readonly mesh: Libp2pMesh;
	readonly state: State;
	token(uses: number): Promise<string>;
	/** The same member again, with the same documents, connected with nobody. */
	again(): Promise<StateNode>;
	close(): Promise<void>;
}

const JOIN_MS_MAX = 120_000;
const TOKEN_MS_LIFE = 3_600_000;

/** Without a token the first member of a new cluster. */
export async function openStateNode(name: string, token: string | null): Promise<StateNode> {
	return openIn(await mkdtemp(join(tmpdir(), "swarm-bench-state-")), name, token);
}

async function openIn(directory: string, name: string, token: string | null): Promise<StateNode> {
	const ledger = lateLedger();
	const mesh = await createMesh({ stateDirectory: directory, name, listen: "127.0.0.1:0", ledger });
	if (token === null && mesh.cluster() === null) await mesh.startCluster();
	else if (token !== null) await mesh.join(token, [], AbortSignal.timeout(JOIN_MS_MAX));
	const state = await openState({
		self: mesh.self,
		disk: await openDisk(join(directory, "journal")),
		signer: signerOf(await loadIdentity(directory)),
		verifier: createVerifier(),
		certificate: () => mesh.cluster()?.certificate.bytes ?? new Uint8Array(),
		admit: () => "member",
		mesh,
		...{ clock: systemClock, chance: systemChance, logger: silentLogger, onEvent: () => {} },
	});
	const authority = () => mesh.cluster()?.authority ?? "";
	const tokens = createTokens({ state, mesh, authority, clock: systemClock, chance: systemChance });
	ledger.open(state, tokens);
	tokens.serve();
	const stop = async () => {
		await state.stop();
		await mesh.stop();
	};
	return {
		mesh,
		state,
		token: async (uses) => (await tokens.create({ uses, lifeMs: TOKEN_MS_LIFE, role: "member" })).text,
		async again() {
			await stop();
			return openIn(directory, name, null);
		},
		async close() {
			await stop();
			await rm(directory, { recursive: true, force: true });
		},
	};
}
