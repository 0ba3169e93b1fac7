// What the lab commands share: the flag with the lab's name and how a lab is printed.

import * as Flags from "@oclif/core/flags";
import type { LabStatus } from "../node/lab/lab.js";
import type { Cut } from "../node/lab/wires.js";
import { table } from "./print.js";

export const labFlags = {
	name: Flags.string({ summary: "Name of the lab, 1 to 12 of a-z, 0-9 and -.", helpValue: "LAB", default: "lab" }),
};

export function labTable(lab: LabStatus): string {
	const rows = lab.nodes.map((node) => [
		node.name,
		node.address,
		node.pid === null ? null : String(node.pid),
		Object.entries(node.sees)
			.filter(([name]) => name !== node.name)
			.map(([name, liveness]) => `${name} ${liveness}`)
			.join(", "),
		node.stateDirectory,
	]);
	return `${table(["NODE", "ADDRESS", "PID", "SEES", "STATE DIRECTORY"], rows)}${cutsInWords(lab.cuts)}`;
}

/** `Cut: n1 ⇄ n2, n1 → n3`; nothing without cuts. */
export function cutsInWords(cuts: readonly Cut[]): string {
	const both = (cut: Cut) => cuts.some((other) => other.from === cut.to && other.to === cut.from);
	const words = cuts
		.filter((cut) => !both(cut) || cut.from < cut.to)
		.map((cut) => `${cut.from} ${both(cut) ? "⇄" : "→"} ${cut.to}`);
	return words.length === 0 ? "" : `Cut: ${words.sort().join(", ")}\n`;
}

/** `n1,n2` as names. */
export function namesOf(text: string): readonly string[] {
	return text.split(",").filter((name) => name !== "");
}
