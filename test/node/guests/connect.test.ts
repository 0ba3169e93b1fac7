import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { SwarmError } from "../../../src/errors.js";
import { verbs } from "../../../src/model.js";
import type { AuditRow } from "../../../src/node/api/contract.js";
import { type ConnectOptions, connect, type LiveView, type SwarmClient } from "../../../src/node/guests/connect.js";
import { createHolderKey, describe as described, narrow } from "../../../src/node/guests/handing-on.js";
import { aClaim, aContainer, aSpecRecord } from "../../crdt/records.js";
import { until as untilMs } from "../../support/until.js";
import { type GuestNode, guestNode } from "./guest-node.js";

const until = (what: string, look: () => boolean | Promise<boolean>) => untilMs(what, look, 30_000);

let node: GuestNode;
let clients: SwarmClient[] = [];

beforeAll(async () => {
	node = await guestNode();
	const { self } = node.mesh;
	for (const [name, team] of Object.entries({ web: "a", db: "b" })) {
		const record = aSpecRecord(self, name);
		const spec = { ...record.spec, labels: { team } };
		await node.state.commit([{ ...record, spec }, aClaim(self, `${name}.0`), aContainer(self, `${name}.0`)]);
	}
});
afterEach(async () => {
	await Promise.all(clients.map((client) => client.close()));
	clients = [];
});
afterAll(() => node.close());

async function as(capability: string, options: ConnectOptions = {}): Promise<SwarmClient> {
	const client = await connect(capability, { signal: AbortSignal.timeout(30_000), ...options });
	clients.push(client);
	return client;
}

async function refusalOf(promise: Promise<unknown>): Promise<SwarmError> {
	return promise.then(
		() => Promise.reject(new Error("nothing was refused")),
		(thrown) => thrown as SwarmError,
	);
}

async function firstOf<T>(values: AsyncIterable<T>): Promise<T> {
	for await (const value of values) return value;
	throw new Error("it ended before the first");
}

const auditOf = async (id: string) => (await node.local("GET", `/v1/audit?capability=${id}`)) as readonly AuditRow[];

describe("a program with a capability", () => {
	test("does what its verbs say and is refused the rest, and both are in the audit log", async () => {
		const capability = await node.make({ verbs: ["list"] });
		const client = await as(capability);
		expect((await client.list()).map((row) => row.container)).toEqual(["db.0", "web.0"]);
		expect((await client.nodes()).map((row) => row.name)).toEqual(["n1"]);
		const refusal = await refusalOf(client.stop("web"));
		expect(refusal).toMatchObject({
			code: "refused",
			message: "Cannot stop: the capability has not the verb stop, only list",
		});
		const { id } = client.capability;
		await until("the audit log", async () => (await auditOf(id)).length === 4);
		const told = (await auditOf(id)).map(({ verb, subject, refusal, count, node: name }) => [
			name,
			verb,
			subject,
			refusal,
			count,
		]);
		expect(told).toContainEqual(["n1", "list", "containers", null, 1]);
		expect(told).toContainEqual(["n1", "stop", "web", refusal.message, 1]);
		expect(told).toContainEqual(["n1", "connect", "", null, 1]);
	});

	test("sees only workloads with its labels, and cannot tell others from none", async () => {
		const client = await as(await node.make({ verbs: [...verbs], labels: { team: "a" } }));
		expect((await client.list()).map((row) => row.container)).toEqual(["web.0"]);
		expect((await client.inspect("web")).container).toBe("web.0");
		for (const name of ["db", "db.0", "nothing"])
			expect((await refusalOf(client.inspect(name))).message).toMatch(
				/^Cannot list \S+: there is no workload \w+ with the label team=a$/,
			);
		expect((await refusalOf(client.remove("db"))).code).toBe("refused");
		expect((await refusalOf(firstOf(client.watchDocuments()))).message).toMatch(
			/only for workloads with the label team=a/,
		);
		const view = await firstOf(client.watch());
		expect([...view.containers.keys()]).toEqual(["web.0"]);
		node.events.add({ timeMs: 1, node: node.mesh.self, kind: "x", subject: "db.0", message: "", details: {} });
		node.events.add({ timeMs: 1, node: node.mesh.self, kind: "x", subject: "web.0", message: "", details: {} });
		expect((await firstOf(client.events())).subject).toBe("web.0");
	});

	test("deploys only with its labels, and nothing that opens its node without the verb for it", async () => {
		const client = await as(await node.make({ verbs: ["deploy"], labels: { team: "a" } }));
		expect((await refusalOf(client.deploy({ name: "new" }))).message).toMatch(
			/only for workloads with the label team=a/,
		);
		const open = { name: "new", labels: { team: "a" }, isolation: "minimal" } as const;
		expect((await refusalOf(client.deploy(open))).message).toMatch(/isolation minimal needs the verb privileged/);
		const bound = { name: "new", labels: { team: "a" }, volumes: ["/etc:/host:ro"] } as const;
		expect((await refusalOf(client.deploy(bound as never))).message).toMatch(
			/path of the node needs the verb privileged/,
		);
		node.state.put([{ kind: "volume", name: "data", node: node.mesh.self, labels: {}, createdAtMs: 1 }]);
		await until("the volume", () => node.state.view().volumes.length === 1);
		const reading = { name: "new", labels: { team: "a" }, volumes: ["data:/data"] } as const;
		expect((await refusalOf(client.deploy(reading as never))).message).toMatch(
			/the volume data is there and not of a workload/,
		);
		const own = { name: "new", labels: { team: "a" }, volumes: ["fresh:/data"] } as const;
		expect((await refusalOf(client.deploy(own as never))).code).toBe("not-found");
		expect((await refusalOf(client.deploy({ name: "No Name", labels: { team: "a" } }))).code).toBe("usage");
		// Permitted: this node has no images.
		expect((await refusalOf(client.deploy({ name: "new", labels: { team: "a" } }))).code).toBe("not-found");
	});

	test("follows the live view, row by row", async () => {
		const client = await as(await node.make({ verbs: ["watch"] }));
		const enough = new AbortController();
		const views: LiveView[] = [];
		const watching = (async () => {
			for await (const view of client.watch({ signal: enough.signal })) views.push(view);
		})();
		await until("the first view", () => views.length === 1);
		expect(views[0]?.nodes.size).toBe(1);
		node.state.put([aContainer(node.mesh.self, "web.0", { phase: "paused" })]);
		await until("the change", () => views.at(-1)?.containers.get("web.0" as never)?.phase === "paused");
		expect(views.at(-1)?.change.containers.map((row) => row.container)).toEqual(["web.0"]);
		expect(views[0]?.containers.get("web.0" as never)?.phase).toBe("running");
		enough.abort();
		await watching;
	});

	test("follows the signed documents and reads the same records", async () => {
		const client = await as(await node.make({ verbs: ["watch"] }));
		let seen = 0;
		for await (const { writer, document, changed } of client.watchDocuments()) {
			expect(writer).toBe(node.mesh.self);
			const records = document.getMap("records");
			if (seen++ === 0) {
				expect(records.get("spec/web")).toMatchObject({ kind: "spec", name: "web" });
				node.state.put([aContainer(node.mesh.self, "db.0", { phase: "stopped" })]);
			} else if (changed.includes("container/db.0")) {
				expect(records.get("container/db.0")).toMatchObject({ phase: "stopped" });
				break;
			}
		}
	});

	test("ends what it asked for by its signal, by leaving the loop, and by closing", async () => {
		const client = await as(await node.make({ verbs: ["logs"] }));
		const stop = new AbortController();
		const lines: string[] = [];
		const reading = (async () => {
			for await (const line of client.logs("web", { follow: true, signal: stop.signal })) lines.push(line.text);
		})().catch(() => {});
		await until("a line", () => lines.length === 1 && node.following() === 1);
		stop.abort();
		await reading;
		await until("the end over there", () => node.following() === 0);
		expect((await firstOf(client.logs("web", { follow: true }))).text).toBe("hello");
		await until("the end over there", () => node.following() === 0);
		const last = (async () => {
			for await (const line of client.logs("web", { follow: true })) lines.push(line.text);
		})().catch(() => {});
		await until("a line", () => lines.length === 2);
		await client.close();
		await last;
		await until("the end over there", () => node.following() === 0);
	});
});

describe("a capability", () => {
	test("that was handed on narrower ends with the one it came of", async () => {
		const whole = await node.make({ verbs: ["list", "logs"] });
		const less = narrow(whole, { verbs: ["list"], labels: { team: "b" } });
		const client = await as(less);
		expect((await client.list()).map((row) => row.container)).toEqual(["db.0"]);
		expect((await refusalOf(firstOf(client.logs("db")))).message).toMatch(/has not the verb logs/);
		await node.capabilities.revoke(described(whole).id.slice(0, 20));
		await until("the end of the visit", async () => (await client.list().catch((error) => error)).code === "refused");
		expect((await refusalOf(as(less))).message).toMatch(/it was revoked/);
		expect(node.capabilities.list().find((row) => row.id === described(whole).id)?.state).toBe("revoked");
	});

	test("that was handed on can be revoked alone", async () => {
		const whole = await node.make();
		const less = narrow(whole, {});
		await node.capabilities.revoke(described(less).ids[1] ?? "");
		expect((await refusalOf(as(less))).message).toMatch(/it was revoked/);
		expect(await (await as(whole)).list()).toHaveLength(2);
	});

	test("for a key elsewhere needs that key", async () => {
		const { holder, key } = createHolderKey();
		const capability = await node.make({ holder });
		expect(described(capability).hasKey).toBe(false);
		expect((await refusalOf(as(capability))).code).toBe("usage");
		expect((await refusalOf(as(capability, { key: createHolderKey().key }))).message).toMatch(/the capability is for/);
		expect(await (await as(capability, { key })).list()).toHaveLength(2);
	});

	test("ends when its time is over, also for who is connected", async () => {
		const client = await as(await node.make({ ttlMs: 2_000 }));
		expect(await client.list()).toHaveLength(2);
		await until("the end", async () => /expired/.test((await client.list().catch((error) => error)).message ?? ""));
	});
});
