import { describe, expect, it } from "vitest";
import type { Liveness } from "../../src/model.js";
import { specsKeptReady, type WarmPorts } from "../../src/node/warm-keeper.js";
import { nodeA, nodeB, nodeRecord, specOf, specRecord, viewOfParts } from "../support/records.js";

type Facts = Pick<WarmPorts, "state" | "membership">;

function factsOf(parts: Parameters<typeof viewOfParts>[0]): Facts {
	const view = viewOfParts(parts);
	const membership = { liveness: (): Liveness => "alive", sample: () => null };
	return { state: { self: nodeA, view: () => view }, membership } as unknown as Facts;
}

const nodes = [nodeRecord(nodeA, { labels: { disk: "ssd" } }), nodeRecord(nodeB)];
const images = [
	{ kind: "image" as const, name: "host", digest: `sha256:${"0".repeat(64)}` as never, node: nodeA, sizeBytes: 0 },
];
const asking = (name: string, change = {}) => specRecord(name, { spec: specOf(name, { pool: 2, ...change }) });
const named = (facts: Facts) => specsKeptReady(facts).map(({ name }) => name);

describe("specs whose containers are kept ready", () => {
	it("are those that ask for it, are to run, and may run on this node", () => {
		const specs = [
			asking("web"),
			specRecord("plain"),
			{ ...asking("stopped"), desired: "stopped" as const },
			{ ...asking("gone"), removed: true },
			asking("fits", { constraints: [{ label: "disk", operator: "=", value: "ssd" }] }),
			asking("elsewhere", { constraints: [{ label: "disk", operator: "=", value: "hdd" }] }),
		];
		expect(named(factsOf({ nodes, images, specs }))).toEqual(["fits", "web"]);
	});
});
