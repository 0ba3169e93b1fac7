// A mesh of two nodes in this process whose streams are pairs of queues; the other node answers with `handler`.

import type { Mesh, MeshStream, StreamHandler } from "../../../src/mesh/mesh.js";
import type { NodeId } from "../../../src/model.js";
import { serveMesh } from "../../../src/node/api/mesh-door.js";
import type { ApiHandler } from "../../../src/node/api/message.js";

export function meshOf(handler: ApiHandler): Mesh {
	let answer: StreamHandler = async () => {};
	const mesh = {
		handle: (_protocol: string, given: StreamHandler) => {
			answer = given;
		},
		roleOf: () => "member",
		open: async () => {
			const [near, far] = streamPair();
			answer(far).catch((error: Error) => far.abort(error));
			return near;
		},
	} as unknown as Mesh;
	serveMesh(mesh, handler);
	return mesh;
}

function streamPair(): [MeshStream, MeshStream] {
	const there = queue();
	const back = queue();
	const side = (incoming: ReturnType<typeof queue>, outgoing: ReturnType<typeof queue>): MeshStream => ({
		peer: "peer" as NodeId,
		read: () => incoming.take(),
		write: async (bytes) => outgoing.put(bytes),
		end: async () => outgoing.put(null),
		abort: (error) => {
			incoming.fail(error);
			outgoing.fail(error);
		},
	});
	return [side(back, there), side(there, back)];
}

function queue() {
	const held: (Uint8Array | null)[] = [];
	let failed: Error | null = null;
	let wake: () => void = () => {};
	return {
		put(item: Uint8Array | null) {
			if (failed !== null) throw failed;
			held.push(item);
			wake();
		},
		fail(error: Error) {
			failed = error;
			wake();
		},
		async take(): Promise<Uint8Array | null> {
			for (;;) {
				if (failed !== null) throw failed;
				const item = held.shift();
				if (item !== undefined) return item;
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
			}
		},
	};
}
