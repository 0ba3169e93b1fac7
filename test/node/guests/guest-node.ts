// One member as guests meet it: real libp2p, the real state on disk, the real router with operations over the state and a runtime that is
// a stub; and capabilities that it makes.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemChance, systemClock } from "../../../src/clock.js";
import { openDisk } from "../../../src/crdt/disk.js";
import type { State } from "../../../src/crdt/state.js";
import { openState } from "../../../src/crdt/store.js";
import { silentLogger } from "../../../src/log.js";
import { createVerifier, loadIdentity, signerOf } from "../../../src/mesh/identity.js";
import type { Libp2pMesh } from "../../../src/mesh/libp2p-mesh.js";
import type { ContainerId, LogLine } from "../../../src/model.js";
import type { CapabilityRequest } from "../../../src/node/api/contract.js";
import type { ApiCall } from "../../../src/node/api/message.js";
import { createRouter } from "../../../src/node/api/router.js";
import { EventLog } from "../../../src/node/events.js";
import { openAudit } from "../../../src/node/guests/audit.js";
import { type Capabilities, createCapabilities } from "../../../src/node/guests/capabilities.js";
import { createGuestDoor } from "../../../src/node/guests/guest-door.js";
import { createOperations } from "../../../src/node/operations.js";
import type { NodePorts } from "../../../src/node/ports.js";
import { aNode } from "../../crdt/records.js";
import { loopbackNetwork } from "../../mesh/libp2p-network.js";

export interface GuestNode {
	readonly mesh: Libp2pMesh;
	readonly state: State;
	readonly capabilities: Capabilities;
	readonly events: EventLog;
	/** Calls that are followed in the runtime and not over. */
	following(): number;
	make(request?: Partial<CapabilityRequest>): Promise<string>;
	/** As typed on the node's own socket. */
	local(method: string, path: string): Promise<unknown>;
	close(): Promise<void>;
}

export async function guestNode(): Promise<GuestNode> {
	const network = await loopbackNetwork();
	const directory = await mkdtemp(join(tmpdir(), "swarm-guests-"));
	const mesh = await network.stranger({ stateDirectory: directory });
	await mesh.startCluster();
	const sign = signerOf(await loadIdentity(directory));
	const logger = silentLogger;
	const state = await openState({
		self: mesh.self,
		disk: await openDisk(join(directory, "journal")),
		signer: sign,
		verifier: createVerifier(),
		certificate: () => mesh.cluster()?.certificate.bytes ?? new Uint8Array(),
		admit: () => "member",
		mesh,
		...{ clock: systemClock, chance: systemChance, logger, onEvent: () => {} },
	});
	await state.commit([aNode(mesh.self, { name: "n1" })]);
	const membership = {
		...{ liveness: () => "alive", sample: () => null, rttMs: () => 0 },
		...{ watch: () => {}, subscribe: () => () => {} },
	};
	let following = 0;
	const runtime = {
		get: (container: ContainerId) => ({ container, phase: "running" }),
		async *logs(_container: ContainerId, _options: unknown, signal: AbortSignal): AsyncIterable<LogLine> {
			following++;
			try {
				yield { timeMs: 1, stream: "stdout", text: "hello", partial: false };
				await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
			} finally {
				following--;
			}
		},
	};
	const own = () => ({ name: "n1", role: "member" });
	const ports = { own, state, mesh, membership, runtime, clock: systemClock, chance: systemChance, logger };
	const operations = createOperations(ports as unknown as NodePorts);
	const events = new EventLog();
	const clock = systemClock;
	const capabilities = createCapabilities({
		...{ state, clock, sign, certificate: () => mesh.cluster()?.certificate ?? null },
		addresses: () => mesh.addresses(),
	});
	const context = { ports, operations, events, capabilities, daemon: { ping: () => ({ name: "n1" }) } };
	const router = createRouter(context as unknown as Parameters<typeof createRouter>[0]);
	const audit = openAudit({ state, clock, logger });
	const isMember = (node: string) => node === mesh.self;
	mesh.guests.receive(createGuestDoor({ state, clock, audit, router, isMember, addresses: () => mesh.addresses() }));
	state.subscribe(() => mesh.guests.review());
	return {
		...{ mesh, state, capabilities, events },
		following: () => following,
		async make(request = {}) {
			const whole = { verbs: ["list"] as const, labels: {}, ttlMs: 600_000, holder: null, note: "", ...request };
			return (await capabilities.create(whole)).capability;
		},
		async local(method, path) {
			const [plain, query] = path.split("?");
			const call: ApiCall = {
				...{ method, path: plain ?? "", query: new URLSearchParams(query), local: true, guest: null },
				...{ body: emptyBody(), signal: new AbortController().signal },
			};
			return JSON.parse(Buffer.from((await router(call)).body as Uint8Array).toString());
		},
		async close() {
			audit.stop();
			await state.stop();
			await network.close();
			await rm(directory, { recursive: true, force: true });
		},
	};
}

async function* emptyBody(): AsyncIterable<Uint8Array> {}
