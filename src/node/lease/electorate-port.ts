// Who votes, between the electorate and the replicated state: reads the view, writes the record that tells of a new one.

import { nodeOfVoter, voterIdOf } from "../../crdt/electorates.js";
import type { State } from "../../crdt/state.js";
import type { ElectoratePort } from "./electorate.js";
import { hasLeft, votersWanted } from "./voters.js";

export function electoratePort(state: Pick<State, "view" | "put">): ElectoratePort {
	return {
		told: () => state.view().electorates.get("voters") ?? null,
		tell: (record) => state.put([record]),
		members: () => votersWanted(state.view()).map(voterIdOf),
		isUnknown: (voter) => !state.view().nodes.has(nodeOfVoter(voter)),
		hasLeft: (voter) => hasLeft(state.view(), voter),
	};
}
