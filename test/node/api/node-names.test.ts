import { expect, it } from "vitest";
import { SwarmError } from "../../../src/errors.js";
import type { NodeId, NodeRecord } from "../../../src/model.js";
import { withNodeNames } from "../../../src/node/api/node-names.js";

const known = `12D3KooW${"A".repeat(44)}` as NodeId;
const unknown = `12D3KooW${"B".repeat(44)}`;
const nodes = new Map([[known, { name: "n3" } as NodeRecord]]);

it("an error speaks of nodes by their names and keeps everything else", () => {
	const error = new SwarmError("unreachable", `Cannot reach ${known}: ${unknown} is in the way`, {
		retryable: true,
		details: { node: known },
	});
	expect(withNodeNames(error, nodes).toJSON()).toEqual({
		code: "unreachable",
		message: `Cannot reach n3: ${unknown} is in the way`,
		retryable: true,
		details: { node: known },
	});
});
