// One node of the gossip bench, in a process of its own: ours (mesh and state as in the daemon, on disk) or plain gossipsub over the same
// libp2p. Told by the parent what to do, it answers each order with one message.

import { channel } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { systemClock } from "../src/clock.js";
import { changedIn } from "../src/crdt/sorted-map.js";
import type { Libp2pMesh } from "../src/mesh/libp2p-mesh.js";
import type { NodeId } from "../src/model.js";
import { changeOf, type Gossiper } from "./gossip-change.js";
import { openGossipsub } from "./gossipsub-node.js";
import { openStateNode } from "./state-node.js";

export type GossipKind = "ours" | "gossipsub";

export type GossipOrder =
	| { readonly order: "open"; readonly kind: GossipKind; readonly index: number; readonly token: string | null }
	| { readonly order: "token"; readonly uses: number }
	| { readonly order: "connect"; readonly addresses: readonly string[] }
	| { readonly order: "begin" | "report" | "close" };

/** Not answered: an answer would be written, and read, while the change is on its way. */
export interface GossipChange {
	readonly order: "change";
	readonly number: number;
}

/** Moments in milliseconds of the monotonic clock that all processes of a machine share, by the number of the change. */
export interface GossipReport {
	readonly written: readonly (readonly [number, number])[];
	readonly seen: readonly (readonly [number, number])[];
	readonly bytesReceived: number;
	readonly cpuMs: number;
}

const CONNECT_MS_MAX = 120_000;

export async function runGossipNode(): Promise<number> {
	const sockets = countSockets();
	let gossiper: Gossiper | null = null;
	let written: [number, number][] = [];
	let seen = new Map<number, number>();
	let [bytesBefore, cpuBefore] = [0, 0];
	let failure: unknown = null;
	const note = (number: number) => {
		if (!seen.has(number)) seen.set(number, nowMs());
	};
	const obey = async (given: GossipOrder): Promise<unknown> => {
		if (given.order === "open") {
			gossiper = given.kind === "ours" ? await openOurs(given.index, given.token, note) : await openGossipsub(note);
			return gossiper.address;
		}
		if (gossiper === null) throw new Error("not open");
		switch (given.order) {
			case "token":
				return gossiper.token(given.uses);
			case "connect":
				return gossiper.connect(given.addresses);
			case "begin":
				[written, seen] = [[], new Map()];
				[bytesBefore, cpuBefore] = [sockets(), cpuMs()];
				return null;
			case "report": {
				if (failure !== null) throw failure;
				const figures = { bytesReceived: sockets() - bytesBefore, cpuMs: cpuMs() - cpuBefore };
				return { written, seen: [...seen], ...figures } satisfies GossipReport;
			}
			case "close":
				return gossiper.close();
		}
	};
	return new Promise((resolve) => {
		process.on("message", (given: GossipOrder | GossipChange) => {
			if (given.order === "change") {
				written.push([given.number, nowMs()]);
				gossiper?.write(given.number).catch((thrown) => {
					failure = thrown;
				});
				return;
			}
			obey(given).then(
				(answer) => {
					process.send?.({ answer: answer ?? null });
					if (given.order === "close") resolve(0);
				},
				(thrown) => process.send?.({ failure: String(thrown) }),
			);
		});
		process.once("disconnect", () => process.exit(1));
	});
}

/** Each change is a record of a container of its own, on disk before it is sent. */
async function openOurs(index: number, given: string | null, note: (number: number) => void): Promise<Gossiper> {
	const { mesh, state, token, close } = await openStateNode(`n${index}`, given);
	let known = state.view().containers;
	state.subscribe(({ containers }) => {
		for (const [container] of changedIn(known, containers)) note(Number(container.split(".")[1]));
		known = containers;
	});
	return {
		address: mesh.addresses()[0] ?? "",
		...{ token, close },
		connect: (addresses) => connectAll(mesh, addresses),
		write: (number) => state.commit([changeOf(mesh.self, number)]),
	};
}

async function connectAll(mesh: Libp2pMesh, addresses: readonly string[]): Promise<void> {
	const members = addresses.map((address) => ({ node: address.split("/p2p/")[1] as NodeId, addresses: [address] }));
	mesh.keepConnected(members);
	const signal = AbortSignal.timeout(CONNECT_MS_MAX);
	while (mesh.peers().length < addresses.length - 1) await systemClock.sleep(50, signal);
}

/** Bytes that all TCP sockets of this process received, as Node tells of each when it is made. */
function countSockets(): () => number {
	const sockets: Socket[] = [];
	for (const name of ["net.client.socket", "net.server.socket"])
		channel(name).subscribe((message) => void sockets.push((message as { socket: Socket }).socket));
	return () => sockets.reduce((sum, socket) => sum + (socket.bytesRead ?? 0), 0);
}

function nowMs(): number {
	return Number(process.hrtime.bigint()) / 1e6;
}

function cpuMs(): number {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1_000;
}
