import { describe, expect, it } from "vitest";
import { nameInstead, objectionToName } from "../../../src/node/admission/names.js";
import { readerDoes, readerMayAsk } from "../../../src/node/api/readers.js";
import { nodeA, nodeB, nodeC, nodeRecord, viewOfParts } from "../../support/records.js";

describe("the name of a node", () => {
	it("is free again when its node has left", () => {
		const view = viewOfParts({
			nodes: [nodeRecord(nodeA, { name: "n1" }), nodeRecord(nodeB, { name: "n2", left: true })],
		});
		expect(objectionToName(view, "n1", nodeC, 0)).toBe("the name n1 is taken");
		expect(objectionToName(view, "n1", nodeA, 0)).toBeNull();
		expect(objectionToName(view, "n2", nodeC, 0)).toBeNull();
	});

	it("that two sides of a split gave is kept by the node that joined earlier, the other takes the next free one", () => {
		const nodes = [
			nodeRecord(nodeA, { name: "n1", joinedAtMs: 5 }),
			nodeRecord(nodeB, { name: "n1", joinedAtMs: 7 }),
			nodeRecord(nodeC, { name: "n1-2", joinedAtMs: 9 }),
		];
		const view = viewOfParts({ nodes });
		expect([nodeA, nodeB, nodeC].map((node) => nameInstead(view, node))).toEqual([null, "n1-3", null]);
	});

	it("stays within its length, and equal times are told apart", () => {
		const name = "x".repeat(63);
		const view = viewOfParts({ nodes: [nodeA, nodeB].map((node) => nodeRecord(node, { name, joinedAtMs: 1 })) });
		expect([nameInstead(view, nodeA), nameInstead(view, nodeB)]).toEqual([null, `${"x".repeat(61)}-2`]);
	});
});

describe("a reader", () => {
	it("is shown the state and nothing that containers hold, and is let change nothing", () => {
		const may = (method: string, path: string) => readerMayAsk({ method, path });
		expect(["/v1/nodes", "/v1/containers/web.0", "/v1/rtt"].every((path) => may("GET", path))).toBe(true);
		const held = ["/v1/containers/web.0/logs", "/v1/containers/web.0/state", "/v1/images/a/archive", "/v1/tokens"];
		expect(held.filter((path) => may("GET", path))).toEqual([]);
		expect(may("POST", "/v1/workloads")).toBe(false);
		expect(may("DELETE", "/v1/nodes")).toBe(false);
	});

	it("itself only stops, leaves and takes another name", () => {
		const does = (path: string) => readerDoes({ method: "POST", path });
		expect(["/v1/node/stop", "/v1/node/leave", "/v1/nodes/n1/rename"].every(does)).toBe(true);
		expect(["/v1/workloads", "/v1/tokens", "/v1/runs", "/v1/nodes/n1/forget"].filter(does)).toEqual([]);
	});
});
