// Whether a program of this machine already listens on a port that is to be published: the translation would silently
// take its traffic. Binds and lets go again.

import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { SwarmError } from "../../errors.js";
import type { ContainerId, PublishedPort } from "../../model.js";

/** Throws `conflict` when the port is taken. */
export async function checkPortFree(container: ContainerId, port: PublishedPort): Promise<void> {
	try {
		await (port.protocol === "tcp" ? bindTcp(port.host) : bindUdp(port.host));
	} catch (thrown) {
		if ((thrown as NodeJS.ErrnoException).code !== "EADDRINUSE") throw thrown;
		throw portTaken(container, port, "a program of this node");
	}
}

export function portTaken(container: ContainerId, port: PublishedPort, holder: string): SwarmError {
	return new SwarmError(
		"conflict",
		`Cannot publish port ${port.host}/${port.protocol} of ${container}: ${holder} has it, wanted a free one`,
		{ details: { container, port, holder } },
	);
}

function bindTcp(port: number): Promise<void> {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once("error", reject);
		server.listen({ port, host: "0.0.0.0", exclusive: true }, () => server.close(() => resolve()));
	});
}

function bindUdp(port: number): Promise<void> {
	return new Promise((resolve, reject) => {
		const socket = createSocket("udp4");
		socket.once("error", reject);
		socket.bind({ port, address: "0.0.0.0", exclusive: true }, () => socket.close(() => resolve()));
	});
}
