// Containers with a user namespace through the runtime: made, joined, started again, found by the next daemon, removed.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { containerIdOf, standardSecurity } from "../../src/model.js";
import type { Runtime } from "../../src/runtime/runtime.js";
import { missingMappedLayers } from "../native/support/mapped-layers.js";
import { createRequest, type RequestWish } from "../support/create-request.js";
import { missingForContainers, type NativeWorld, openNativeWorld, untilEnded } from "../support/native-world.js";
import { until } from "../support/until.js";

const missing = missingForContainers() ?? missingMappedLayers();
const web = containerIdOf("web", 0);
const never = new AbortController().signal;
const security = { ...standardSecurity, userNamespace: true };

describe.skipIf(missing !== null)(`user namespaces${missing === null ? "" : ` (needs ${missing})`}`, () => {
	let world: NativeWorld;
	beforeEach(async () => {
		world = await openNativeWorld();
	});
	afterEach(async () => {
		await world.dispose();
	});

	const request = (script: string, wish: RequestWish = {}) =>
		createRequest(web, { command: ["/bin/sh", "-c", script], security, ...wish, image: world.image });
	const uidOf = (pid: number | null | undefined) =>
		Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
	const logs = async (runtime: Runtime) => {
		const texts: string[] = [];
		for await (const { text } of runtime.logs(web, { tail: null, sinceMs: null, follow: false, stream: null }, never))
			texts.push(text);
		return texts;
	};

	it("keeps its range over a restart of the daemon and another life, and gives it back when it is removed", async () => {
		await world.runtime.create(request("id -u; touch /tmp/x; sleep 1000"), never);
		await world.runtime.start(web, 1, never);
		const first = uidOf(world.runtime.get(web)?.pid);
		expect(first).toBeGreaterThanOrEqual(0x70000000);
		const runtime = await world.reopen();
		const { pid } = runtime.get(web) ?? {};
		expect(uidOf(pid)).toBe(first);
		await runtime.stop(web, 1, 0, never);
		await untilEnded(runtime, web);
		await runtime.reset(web, 2, 1, never);
		await runtime.start(web, 2, never);
		expect(uidOf(runtime.get(web)?.pid)).toBe(first);
		await runtime.remove(web, 2);
		const owners = readdirSync("/run/stratoswarm/ids").map((name) => readlinkSync(`/run/stratoswarm/ids/${name}`));
		// Those that stand ready have theirs.
		expect(owners.filter((owner) => owner.startsWith(`${world.scope}/`) && !owner.includes("_spare"))).toEqual([]);
	});

	it("says ahead which path of the node a container with its own ids cannot be shown", async () => {
		const showing = (source: string) => ({
			volumes: [{ kind: "bind" as const, source, target: "/shown", readOnly: true, shared: true }],
		});
		expect(await world.runtime.userNamespaceLack({ volumes: [] })).toBeNull();
		expect(await world.runtime.userNamespaceLack(showing(world.stateDirectory))).toBeNull();
		expect(await world.runtime.userNamespaceLack(showing("/proc/sys"))).toContain("/proc/sys");
	});

	it("serves a low port, and has power over the network only where it is given", async () => {
		await world.runtime.create(
			request("ip link set lo down || echo powerless; while :; do nc -l -p 80 -e /bin/echo served; done"),
			never,
		);
		await world.runtime.start(web, 1, never);
		const first = uidOf(world.runtime.get(web)?.pid);
		const session = await world.runtime.exec(web, {
			command: [
				"/bin/sh",
				"-c",
				"id -u; cat /proc/self/uid_map; touch /tmp/made; until nc 127.0.0.1 80 < /dev/null; do sleep 0.05; done",
			],
			env: {},
			workdir: null,
			user: null,
			stdin: false,
			detach: false,
			terminal: null,
			timeoutMs: null,
		});
		let text = "";
		session.stdout?.on("data", (chunk: Buffer) => {
			text += chunk.toString();
		});
		session.stdin?.end();
		await session.exit;
		expect(text.trim().split(/\s+/)).toEqual(["0", "0", String(first), "65536", "served"]);
		await until("the workload to say it", async () => (await logs(world.runtime)).includes("powerless"));
	});
});
