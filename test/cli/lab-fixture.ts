// A lab of two nodes as src/node/lab tells it, for tests of the lab commands.

import type { LabStatus } from "../../src/node/lab/lab.js";

export const lab: LabStatus = {
	name: "lab",
	directory: "/labs/lab",
	nodes: ["n1", "n2"].map((name, index) => ({
		name,
		address: `10.88.1.${index + 1}`,
		namespace: `swarm-lab-lab-${name}`,
		stateDirectory: `/labs/lab/${name}`,
		pid: name === "n1" ? 4242 : null,
		sees: name === "n1" ? { n1: "alive", n2: "down" } : {},
	})),
	cuts: [
		{ from: "n1", to: "n2" },
		{ from: "n2", to: "n1" },
	],
};
