// A link that the peer closes at the very moment at which a stream is opened on it: after a link came back both ends may have
// dialled, and each closes what it does not need.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type LoopbackNetwork, loopbackNetwork } from "./libp2p-network.js";
import { madeNodes } from "./made-nodes.js";

const ECHO = "/swarm/test-echo/1";

vi.mock("libp2p", async (original) => (await import("./made-nodes.js")).remembering(await original()));

let network: LoopbackNetwork;
beforeEach(async () => {
	network = await loopbackNetwork();
});
afterEach(() => network.close());

it("a stream that is opened while the peer closes the link comes about on the next link", async () => {
	const [one, two] = await network.members(2);
	if (one === undefined || two === undefined) throw new Error("two members");
	await network.until("both connected", () => one.peers().length === 1 && two.peers().length === 1);
	two.handle(ECHO, async (stream) => {
		for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) await stream.write(bytes);
		await stream.end();
	});
	for (let round = 0; round < 20; round++) {
		const closing = madeNodes
			.filter((node) => node.peerId.toString() === two.self)
			.flatMap((node) => node.getConnections().map((connection) => connection.close().catch(() => {})));
		const stream = await one.open(two.self, ECHO, AbortSignal.timeout(10_000));
		await stream.write(Buffer.from(`round ${round}`));
		expect(String(await stream.read())).toBe(`round ${round}`);
		await stream.end();
		await Promise.all(closing);
	}
});
