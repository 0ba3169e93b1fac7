import { expect, it } from "vitest";
import { containerIdOf } from "../../../src/model.js";
import { interruptedImports } from "../../../src/node/state-archive/import.js";
import { claimRecord, nodeA, nodeB, viewOfParts } from "../../support/records.js";

const web = containerIdOf("web", 0);
const waiting = { container: web, epoch: 2, phase: "restoring" } as const;
const found = (
	claim: ReturnType<typeof claimRecord>,
	state: Parameters<typeof interruptedImports>[1][number] = waiting,
) => interruptedImports(viewOfParts({ claims: [claim] }), [state], nodeA);

it("an import that a killed daemon left half-way is found", () => {
	expect(found(claimRecord("web.0", nodeA, 2))).toEqual(["web"]);
});

it("a copy of a move, of another epoch or node, or one that runs, is none", () => {
	expect(found(claimRecord("web.0", nodeA, 2, { reason: "handover", move: "m1" }))).toEqual([]);
	expect(found(claimRecord("web.0", nodeA, 1))).toEqual([]);
	expect(found(claimRecord("web.0", nodeB, 2))).toEqual([]);
	expect(found(claimRecord("web.0", nodeA, 2), { ...waiting, phase: "running" })).toEqual([]);
	expect(interruptedImports(viewOfParts({}), [waiting], nodeA)).toEqual([]);
});
