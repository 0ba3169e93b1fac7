// A wire to a TCP port of this machine that can be cut: while it is, nothing goes through and nothing new is accepted.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Wire {
	/** Where to connect to. */
	readonly port: number;
	cut(): void;
	mend(): void;
	close(): void;
}

export async function wireTo(port: number): Promise<Wire> {
	const open = new Set<Socket>();
	let isCut = false;
	const server = createServer((near) => {
		if (isCut) {
			near.destroy();
			return;
		}
		const far = connect(port, "127.0.0.1");
		for (const [one, other] of [
			[near, far],
			[far, near],
		] as const) {
			open.add(one);
			one.setNoDelay(true);
			one.on("error", () => {});
			one.once("close", () => {
				open.delete(one);
				other.destroy();
			});
			one.pipe(other);
		}
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const cut = () => {
		isCut = true;
		for (const socket of [...open]) socket.destroy();
	};
	return {
		port: (server.address() as AddressInfo).port,
		cut,
		mend() {
			isCut = false;
		},
		close() {
			cut();
			server.close();
		},
	};
}
