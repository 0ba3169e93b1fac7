import { expect, test } from "vitest";
import { verbs } from "../../../src/model.js";
import { ruleOf } from "../../../src/node/guests/rules.js";
import { readSource } from "../../support/source-tree.js";

/** What concerns a node's own machine, or is asked by nodes only. */
const withheld = [
	"POST /v1/node/stop",
	"POST /v1/node/leave",
	"POST /v1/tokens",
	"POST /v1/imports",
	"POST /v1/images",
	"DELETE /v1/images/:name",
	"GET /v1/capabilities",
	"POST /v1/capabilities",
	"DELETE /v1/capabilities/:id",
	"GET /v1/audit",
	"GET /v1/pool",
	"DELETE /v1/pool",
	"POST /v1/runs",
	"POST /v1/containers/:ref/resources",
	"GET /v1/tokens",
	"DELETE /v1/tokens/:id",
	"POST /v1/nodes/:name/forget",
	"POST /v1/nodes/:name/rename",
	"POST /v1/authority",
	"GET /v1/rtt",
	"POST /v1/volumes",
	"DELETE /v1/volumes/:name",
	"GET /v1/splits",
	"GET /v1/superseded/:id",
];

function pathsOf(text: string): readonly string[] {
	const lines = text.matchAll(/^\/\/ (GET|POST|DELETE) +(\/v1\/[^ ?]+)/gm);
	return [...lines].flatMap(([, method, path]) => {
		const ends = (path ?? "").split("/").at(-1) ?? "";
		const stem = (path ?? "").slice(0, -ends.length);
		return ends.split("|").map((end) => `${method} ${stem}${end}`);
	});
}

test("guests can make every call of the contract but those that are withheld from them", () => {
	const calls = pathsOf(readSource("src/node/api/contract.ts").text);
	expect(calls.length).toBeGreaterThan(30);
	const closed = calls.filter((call) => {
		const [method = "", path = ""] = call.split(" ");
		return ruleOf(method, path.replaceAll(/:\w+/g, "web.0")) === null;
	});
	expect([...closed].sort()).toEqual([...withheld].sort());
});

test("every verb but privileged opens a call, which knows the name in its path", () => {
	const calls = pathsOf(readSource("src/node/api/contract.ts").text).map((call) => call.split(" "));
	const found = calls.map(([method = "", path = ""]) => ruleOf(method, path.replaceAll(/:\w+/g, "we%20b")));
	const opened = new Set(found.map((one) => one?.rule.verb));
	expect(verbs.filter((verb) => !opened.has(verb))).toEqual(["privileged"]);
	expect(ruleOf("DELETE", "/v1/workloads/we%20b")?.name).toBe("we b");
	expect(ruleOf("DELETE", "/v1/workloads/%")?.name).toBe("%");
});

test("what is no call of the API has no rule", () => {
	for (const path of [
		"/v1/containers/../nodes/x",
		"/v2/containers",
		"/v1/containers/web/runtime",
		"/v1/workloads/web/",
	])
		expect(ruleOf("GET", path)).toBeNull();
	expect(ruleOf("PUT", "/v1/containers")).toBeNull();
});
