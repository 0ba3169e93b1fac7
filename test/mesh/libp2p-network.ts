// A cluster of real libp2p meshes on loopback, for tests: state directories, joining by token, stopping and restarting.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "../../src/clock.js";
import { createLogger, type LogFields, type Logger } from "../../src/log.js";
import { createMesh, type Libp2pMesh } from "../../src/mesh/libp2p-mesh.js";
import type { Mesh } from "../../src/mesh/mesh.js";
import type { MeshOptions } from "../../src/mesh/mesh-options.js";
import { until } from "../support/until.js";
import type { ContractNetwork } from "./contract.js";
import { MemoryLedger, type TokenWish } from "./memory-ledger.js";

export interface LoopbackNetwork extends ContractNetwork {
	/** A node that is in no cluster yet. */
	stranger(options?: Partial<MeshOptions>): Promise<Libp2pMesh>;
	/** The first member of a new cluster. */
	first(options?: Partial<MeshOptions>): Promise<Libp2pMesh>;
	members(count: number): Promise<readonly Libp2pMesh[]>;
	/** A token of that member. */
	token(issuer: Libp2pMesh, wish?: TokenWish): string;
	/** What all nodes hold together in the replicated state. */
	readonly ledger: MemoryLedger;
	/** Added to every node's wall clock, unless a node was given its own. */
	aheadMs: number;
	/** Entries of every node's log, oldest first. */
	readonly log: readonly (LogFields & { readonly message: string; readonly node: string })[];
}

export async function loopbackNetwork(): Promise<LoopbackNetwork> {
	const root = await mkdtemp(join(tmpdir(), "swarm-mesh-"));
	const running = new Map<Mesh, MeshOptions>();
	const log: (LogFields & { message: string; node: string })[] = [];
	let made = 0;
	let aheadMs = 0;
	const clock: Clock = { ...systemClock, nowMs: () => Date.now() + aheadMs };
	const ledger = new MemoryLedger(() => clock.nowMs());

	const start = async (options: MeshOptions) => {
		const mesh = await createMesh(options);
		running.set(mesh, options);
		return mesh;
	};
	const stranger = async (options: Partial<MeshOptions> = {}) => {
		made++;
		const name = options.name ?? `n${made}`;
		const logger = loggerTo(log, name);
		const shared = { listen: "127.0.0.1:0", name, logger, ledger, clock };
		return start({ stateDirectory: join(root, `${made}`), ...shared, ...options });
	};
	const first = async (options: Partial<MeshOptions> = {}) => {
		const mesh = await stranger(options);
		await mesh.startCluster();
		return mesh;
	};
	const keepAll = (meshes: Iterable<Mesh>) => {
		const members = [...meshes].map((mesh) => ({ node: mesh.self, addresses: mesh.addresses() }));
		for (const mesh of meshes) mesh.keepConnected(members);
	};
	return {
		log,
		ledger,
		token: (issuer, wish) => ledger.issue(issuer, wish),
		get aheadMs() {
			return aheadMs;
		},
		set aheadMs(ms) {
			aheadMs = ms;
		},
		stranger,
		first,
		async members(count) {
			const issuer = await first();
			const token = ledger.issue(issuer, { uses: count });
			const others = await Promise.all(Array.from({ length: count - 1 }, () => stranger()));
			await Promise.all(others.map((mesh) => mesh.join(token, [], AbortSignal.timeout(60_000))));
			keepAll([issuer, ...others]);
			return [issuer, ...others];
		},
		async stopMember(mesh) {
			await mesh.stop();
		},
		async restartMember(mesh) {
			const options = running.get(mesh);
			if (options === undefined) throw new Error("not a member of this network");
			running.delete(mesh);
			const port = /\/tcp\/(\d+)/.exec(mesh.addresses()[0] ?? "")?.[1];
			const again = await start({ ...options, listen: `127.0.0.1:${port}` });
			keepAll(running.keys());
			return again;
		},
		until: (what, look) => until(what, look, 45_000),
		async close() {
			await Promise.all([...running.keys()].map((mesh) => mesh.stop()));
			await rm(root, { recursive: true, force: true });
		},
	};
}

function loggerTo(log: unknown[], node: string): Logger {
	return createLogger((line) => void log.push(JSON.parse(line)), "debug", { node });
}
