// The peer of the gossip bench: @libp2p/gossipsub with its own settings but those without which it delivers nothing among nodes of one
// address, over libp2p as our mesh sets it up. Peers know each other's protocols from the start, which spares it the time of identify.

import { generateKeyPairSync } from "node:crypto";
import { type GossipSub, gossipsub } from "@libp2p/gossipsub";
import { type Connection, serviceCapabilities, type TypedEventTarget } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import { systemClock } from "../src/clock.js";
import { libp2pOptions } from "../src/mesh/libp2p-node.js";
import type { ContainerRecord, NodeId } from "../src/model.js";
import { changeOf, type Gossiper } from "./gossip-change.js";

const TOPIC = "bench";
const CONNECT_MS_MAX = 120_000;
const DIAL_PAUSE_MS = 200;
/** Its mesh forms at its heartbeats of one second. */
const SETTLE_MS = 5_000;

export async function openGossipsub(note: (number: number) => void): Promise<Gossiper> {
	const { privateKey } = generateKeyPairSync("ed25519");
	const libp2p = await createLibp2p({
		...libp2pOptions(privateKey, "/ip4/127.0.0.1/tcp/0"),
		services: {
			identify: knownProtocols,
			gossip: gossipsub({ allowedTopics: [TOPIC], scoreParams: { IPColocationFactorWeight: 0 } }),
		},
	});
	await libp2p.start();
	const gossip = libp2p.services.gossip as GossipSub;
	gossip.subscribe(TOPIC);
	gossip.addEventListener("message", ({ detail }) => {
		const { container } = JSON.parse(Buffer.from(detail.data).toString()) as ContainerRecord;
		note(Number(container.split(".")[1]));
	});
	const self = libp2p.peerId.toString() as NodeId;
	const address = String(libp2p.getMultiaddrs()[0]);
	return {
		address,
		token: async () => "",
		async connect(addresses) {
			const signal = AbortSignal.timeout(CONNECT_MS_MAX);
			// Of each two, the one that stands first dials.
			for (const other of addresses.slice(addresses.indexOf(address) + 1)) await dialled(libp2p, other, signal);
			while (gossip.getSubscribers(TOPIC).length < addresses.length - 1) await systemClock.sleep(50, signal);
			await systemClock.sleep(SETTLE_MS, signal);
		},
		async write(number) {
			note(number);
			await gossip.publish(TOPIC, Buffer.from(JSON.stringify(changeOf(self, number))));
		},
		close: async () => libp2p.stop(),
	};
}

/** As ours does: a handshake that a busy machine did not finish in time is begun again. */
async function dialled(libp2p: Libp2p, address: string, signal: AbortSignal): Promise<void> {
	for (;;) {
		try {
			await libp2p.dial(multiaddr(address), { signal });
			return;
		} catch (thrown) {
			if (signal.aborted) throw thrown;
			await systemClock.sleep(DIAL_PAUSE_MS, signal);
		}
	}
}

interface Components {
	readonly events: TypedEventTarget<{
		"connection:open": CustomEvent<Connection>;
		"peer:identify": CustomEvent<unknown>;
	}>;
}

function knownProtocols({ events }: Components) {
	events.addEventListener("connection:open", ({ detail: connection }) => {
		const protocols = ["/meshsub/1.3.0", "/meshsub/1.2.0", "/meshsub/1.1.0", "/meshsub/1.0.0"];
		const detail = { peerId: connection.remotePeer, protocols, listenAddrs: [], connection };
		events.dispatchEvent(new CustomEvent("peer:identify", { detail }));
	});
	return { [serviceCapabilities]: ["@libp2p/identify"] };
}
