import { describe, expect, it } from "vitest";
import { silentLogger } from "../../../src/log.js";
import type { ContainerId, NodeId } from "../../../src/model.js";
import type { ContainerDetail } from "../../../src/node/api/contract.js";
import { type ApiAnswer, type ApiCall, jsonAnswer } from "../../../src/node/api/message.js";
import { createRouter } from "../../../src/node/api/router.js";

import { meshOf } from "./mesh-of.js";

const here = "here" as NodeId;
const there = "there" as NodeId;

/** The router of a node whose only workload runs on another node, and the calls that reach that one. */
function routerWithRemote(workload: string) {
	const container = `${workload}.0` as ContainerId;
	const reached: string[] = [];
	const mesh = meshOf(async (call) => {
		reached.push(`${call.method} ${call.path}`);
		return jsonAnswer({ state: { phase: "running" }, stats: null });
	});
	const operations = {
		resolve: () => ({ container, spec: { spec: {} } }),
		view: () => ({ claims: new Map([[container, { owner: there }]]), containers: new Map(), nodes: new Map() }),
		row: () => ({ container }),
	};
	const own = () => ({ name: "n1", role: "member", admittedAtMs: 0 });
	const ports = { mesh, own, state: { self: here }, logger: silentLogger };
	const context = { operations, ports, events: {}, daemon: {} };
	return { answer: createRouter(context as unknown as Parameters<typeof createRouter>[0]), reached, container };
}

function callOf(method: string, path: string, { body = "", local = true } = {}): ApiCall {
	return {
		method,
		path,
		query: new URLSearchParams(),
		body: bytesOf(body),
		local,
		guest: null,
		signal: new AbortController().signal,
	};
}

async function* bytesOf(text: string): AsyncIterable<Uint8Array> {
	yield Buffer.from(text);
}

function jsonOf<T>(answer: ApiAnswer): T {
	return JSON.parse(Buffer.from(answer.body as Uint8Array).toString()) as T;
}

describe("a call for a container of another node", () => {
	it.each(["a", "v1", "container", "web"])("reaches it there when the workload is called %s", async (workload) => {
		const { answer, reached, container } = routerWithRemote(workload);
		expect((await answer(callOf("GET", `/v1/containers/${workload}/logs`))).status).toBe(200);
		expect((await answer(callOf("GET", `/v1/containers/${container}/logs`))).status).toBe(200);
		expect(reached).toEqual(Array(2).fill(`GET /v1/containers/${container}/logs`));
	});

	it("inspects it there by the name of its workload", async () => {
		const { answer, reached } = routerWithRemote("web");
		const detail = jsonOf<ContainerDetail>(await answer(callOf("GET", "/v1/containers/web")));
		expect(detail.state).toEqual({ phase: "running" });
		expect(reached).toEqual(["GET /v1/containers/web.0/runtime"]);
	});
});

describe("a wrong call", () => {
	it.each(["null", "7", "{"])("with the body %s is the caller's error", async (body) => {
		const { answer } = routerWithRemote("web");
		for (const path of ["/v1/tokens", "/v1/runs", "/v1/images", "/v1/workloads"])
			expect(jsonOf(await answer(callOf("POST", path, { body })))).toMatchObject({ error: { code: "usage" } });
	});

	it("with a broken escape in its path is the caller's error", async () => {
		const { answer } = routerWithRemote("web");
		expect(jsonOf(await answer(callOf("GET", "/v1/containers/%E0%A4%A")))).toMatchObject({ error: { code: "usage" } });
	});

	it.each([
		"POST /v1/node/stop",
		"POST /v1/node/leave",
		"POST /v1/tokens",
		"POST /v1/images",
		"DELETE /v1/images/redis",
		"POST /v1/runs",
	])("from another node: %s concerns this machine only", async (route) => {
		const [method = "", path = ""] = route.split(" ");
		const { answer } = routerWithRemote("web");
		expect(jsonOf(await answer(callOf(method, path, { body: "{}", local: false })))).toMatchObject({
			error: { code: "refused" },
		});
	});
});
