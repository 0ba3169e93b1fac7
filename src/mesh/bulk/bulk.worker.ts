// The thread of bulk sockets: takes orders of the daemon's thread and reports to it. Sockets have their own turn of events here, so that
// heartbeats, which go with the other thread's, never wait for them.

import { parentPort } from "node:worker_threads";
import type { BulkOrder } from "./bulk-order.js";
import { BulkSocket, type Tell } from "./bulk-socket.js";

const sockets = new Map<number, BulkSocket>();

function obey(order: BulkOrder): void {
	const { kind, id } = order;
	if (kind === "listen") open(id, order.with).listen(order.host);
	else if (kind === "dial") open(id, order.with).dial(order.host, order.port);
	else if (kind === "write") sockets.get(id)?.write(order.frames);
	else if (kind === "took") sockets.get(id)?.took(order.bytes);
	else if (kind === "finish") sockets.get(id)?.finish();
	else sockets.get(id)?.cut(null);
}

function open(id: number, ends: ConstructorParameters<typeof BulkSocket>[0]): BulkSocket {
	const tell: Tell = (report) => {
		if (report.kind === "gone") sockets.delete(id);
		parentPort?.postMessage({ ...report, id });
	};
	const socket = new BulkSocket(ends, tell);
	sockets.set(id, socket);
	return socket;
}

parentPort?.on("message", obey);
