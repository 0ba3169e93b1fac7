// Isolation minimal through the runtime: the node's network and files, found again by the next daemon, removed without a trace.

import { readlinkSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { containerIdOf } from "../../src/model.js";
import { createRequest } from "../support/create-request.js";
import { noTraces, tracesOf } from "../support/kernel.js";
import { missingForContainers, type NativeWorld, openNativeWorld } from "../support/native-world.js";

const missing = missingForContainers();
const web = containerIdOf("web", 0);
const never = new AbortController().signal;

describe.skipIf(missing !== null)(`isolation minimal${missing === null ? "" : ` (needs ${missing})`}`, () => {
	let world: NativeWorld;
	beforeEach(async () => {
		world = await openNativeWorld();
	});
	afterEach(async () => {
		await world.dispose();
		expect(tracesOf(world.scope)).toEqual(noTraces);
	});

	it("runs on the node's own network, without an address of its own, over a restart of the daemon and a second life", async () => {
		const command = ["/bin/sh", "-c", "ls -d /host/proc; sleep 1000"];
		const wish = { command, isolation: "minimal", network: "host", address: null, image: world.image } as const;
		await world.runtime.create(createRequest(web, wish), never);
		const network = (pid: number | null | undefined) => readlinkSync(`/proc/${pid}/ns/net`);
		const { pid, address } = await world.runtime.start(web, 1, never);
		expect([network(pid), address]).toEqual([readlinkSync("/proc/self/ns/net"), null]);
		const runtime = await world.reopen();
		expect(runtime.get(web)).toMatchObject({ phase: "running", pid });
		await runtime.stop(web, 1, 0, never);
		await runtime.reset(web, 2, 1, never);
		expect(network((await runtime.start(web, 2, never)).pid)).toBe(readlinkSync("/proc/self/ns/net"));
	});
});
