import { describe, expect, it } from "vitest";
import { nodeOf, planLab } from "../../src/node/lab/plan.js";

describe("the plan of a lab", () => {
	it("gives every node a namespace, an address and a state directory of its own", () => {
		const lab = planLab("demo", 3, 7, "/var/lib/stratoswarm/lab");
		expect(lab.nodes.map((node) => node.address)).toEqual(["10.88.7.1", "10.88.7.2", "10.88.7.3"]);
		expect(lab.nodes[1]).toEqual({
			name: "n2",
			address: "10.88.7.2",
			namespace: "swarm-lab-demo-n2",
			stateDirectory: "/var/lib/stratoswarm/lab/demo/n2",
		});
		expect(lab.namespace).toBe("swarm-lab-demo");
	});

	it.each(["", "Demo", "-a", "a-", "a/b", "..", "a".repeat(13)])("refuses the name %j", (name) => {
		expect(() => planLab(name, 3, 1, "/x")).toThrow(/Cannot use the lab name/);
	});

	it.each([0, -1, 1.5, 33, Number.NaN])("refuses %d nodes", (nodes) => {
		expect(() => planLab("demo", nodes, 1, "/x")).toThrow(/wanted 1 to 32/);
	});

	it("names the nodes that there are when another is asked for", () => {
		expect(() => nodeOf(planLab("demo", 2, 1, "/x"), "n3")).toThrow(/the lab demo has n1, n2/);
	});
});
