// The target's half of a move (machine.ts). Uncertain means stopped: from `prepared` it runs only on `go` (told by the source, or
// the claim seen in the view) and never on a time-out.

import { type MoveEvent, type PhaseRow, type Step, to } from "./machine.js";

export type TargetPhase =
	| "fetching"
	| "receiving"
	| "restoring"
	| "prepared"
	| "releasing"
	| "settling"
	| "returning"
	| "undoing"
	| "arrived" // final: runs here
	| "refused"; // final: nothing of it is here

const undo = to<TargetPhase>("undoing", "dismiss", "remove");
// A claim that came before this end said "prepared" can only mean that its own journal fell back (power cut): what is here
// may be torn, the source's frozen copy is not.
const giveBack = to<TargetPhase>("returning", "give-back");

export const targetTable: Readonly<Record<TargetPhase, PhaseRow<TargetPhase>>> = {
	fetching: {
		where: "runs on source, owned by source",
		on: {
			done: to("receiving", "receive"),
			failed: undo,
			"link-lost": undo,
			abort: undo,
			superseded: undo,
			boot: undo,
			go: giveBack,
		},
	},
	receiving: {
		where: "frozen on source, owned by source",
		on: {
			done: to("restoring", "restore"),
			failed: undo,
			"link-lost": undo,
			abort: undo,
			superseded: undo,
			boot: undo,
			go: giveBack,
		},
	},
	restoring: {
		where: "frozen on source, owned by source",
		on: {
			done: to("prepared", "say-prepared"),
			failed: undo,
			"link-lost": undo,
			abort: undo,
			superseded: undo,
			boot: undo,
			go: giveBack,
		},
	},
	prepared: {
		where: "frozen on source, copy on target waits, owned by source",
		on: {
			go: to("releasing", "release"),
			abort: undo,
			superseded: undo,
			failed: to("prepared", "query"),
			"link-lost": to("prepared", "query"),
			boot: to("prepared", "query"),
		},
	},
	releasing: {
		where: "copy on target, frozen on source, owned by target",
		on: {
			done: to("settling", "say-running", "clean"),
			failed: giveBack,
			superseded: to("undoing", "remove"),
			boot: to("releasing", "release"),
		},
	},
	settling: {
		where: "runs on target, frozen on source, owned by target",
		on: {
			done: to("arrived", "forget"),
			failed: to("arrived", "forget"),
			boot: to("settling", "clean"),
		},
	},
	// The container did not come up here. The source still has it, frozen: it gets it back under a higher epoch.
	returning: {
		where: "copy on target, frozen on source, owned by target",
		on: {
			done: to("undoing", "dismiss", "remove"),
			failed: to("returning", "give-back"),
			superseded: to("undoing", "remove"),
			boot: giveBack,
		},
	},
	undoing: {
		where: "frozen on source, owned by source",
		on: {
			done: to("refused", "forget"),
			failed: to("undoing", "remove"),
			boot: to("undoing", "remove"),
			// The remove may be half done; see giveBack.
			go: giveBack,
		},
	},
	arrived: { where: "runs on target, owned by target", final: true, on: {} },
	refused: { where: "runs elsewhere", final: true, on: {} },
};

export function stepTarget(phase: TargetPhase, event: MoveEvent): Step<TargetPhase> | null {
	return targetTable[phase].on[event] ?? null;
}
