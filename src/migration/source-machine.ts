// The source's half of a move (machine.ts). The one rule that matters: `thaw` is reachable from the phases before the claim, and
// after it only through a claim of a higher epoch that names this node.

import { type MoveEvent, type PhaseRow, type Step, to } from "./machine.js";

export type SourcePhase =
	| "checking"
	| "readying"
	| "dumping"
	| "sending"
	| "restoring"
	| "deciding"
	| "handed"
	| "reclaiming"
	| "removing"
	| "undoing"
	| "moved" // final: the target runs it
	| "unmoved" // final: it runs here as before, or never stopped running here
	| "gone"; // final: a third node owns it; the node's plan keeps or removes the frozen copy

const undo = to<SourcePhase>("undoing", "dismiss", "thaw");

export const sourceTable: Readonly<Record<SourcePhase, PhaseRow<SourcePhase>>> = {
	checking: {
		where: "runs on source, owned by source",
		on: {
			done: to("readying", "ready"),
			failed: to("unmoved", "dismiss", "forget", "report"),
			"link-lost": to("unmoved", "forget", "report"),
			boot: to("unmoved", "forget"),
		},
	},
	readying: {
		where: "runs on source, owned by source",
		on: {
			done: to("dumping", "dump"),
			failed: to("unmoved", "dismiss", "forget", "report"),
			"link-lost": to("unmoved", "forget", "report"),
			boot: to("unmoved", "forget"),
		},
	},
	dumping: {
		where: "frozen on source, owned by source",
		on: {
			done: to("sending", "send"),
			failed: undo,
			"link-lost": undo,
			superseded: undo,
			boot: undo,
			go: to("handed", "announce"),
		},
	},
	sending: {
		where: "frozen on source, owned by source",
		on: {
			done: to("restoring"),
			failed: undo,
			"link-lost": undo,
			superseded: undo,
			boot: undo,
			go: to("handed", "announce"),
		},
	},
	restoring: {
		where: "frozen on source, owned by source",
		on: {
			prepared: to("deciding", "commit"),
			failed: undo,
			"link-lost": undo,
			superseded: undo,
			boot: undo,
			go: to("handed", "announce"),
		},
	},
	// The claim may or may not be on disk: only the commit's own answer, or the document after a restart, decides.
	deciding: {
		where: "frozen on source, copy on target waits, owned by source",
		on: { go: to("handed", "announce"), failed: undo, boot: undo },
	},
	handed: {
		where: "copy on target, frozen on source, owned by target",
		on: {
			running: to("removing", "report", "discard"),
			failed: to("handed", "ask"),
			"link-lost": to("handed", "ask"),
			unknown: to("reclaiming", "reclaim"),
			"taken-back": to("undoing", "thaw"),
			superseded: to("gone", "forget", "report"),
			boot: to("handed", "announce"),
			go: to("handed", "announce"),
		},
	},
	reclaiming: {
		where: "copy on target, frozen on source, owned by target",
		on: {
			done: to("undoing", "thaw"),
			failed: to("handed", "ask"),
			"taken-back": to("undoing", "thaw"),
			superseded: to("gone", "forget", "report"),
			boot: to("handed", "announce"),
			go: to("handed", "announce"),
		},
	},
	removing: {
		where: "runs on target, frozen on source, owned by target",
		on: {
			done: to("moved", "forget"),
			failed: to("removing", "discard"),
			boot: to("removing", "discard"),
			go: to("removing", "discard"),
		},
	},
	undoing: {
		where: "frozen on source, owned by source",
		on: {
			done: to("unmoved", "forget", "report"),
			failed: to("undoing", "thaw"),
			boot: to("undoing", "thaw"),
			go: to("handed", "announce"),
			superseded: to("gone", "forget", "report"),
		},
	},
	moved: { where: "runs on target, owned by target", final: true, on: {} },
	unmoved: { where: "runs on source, owned by source", final: true, on: {} },
	gone: { where: "runs elsewhere", final: true, on: {} },
};

export function stepSource(phase: SourcePhase, event: MoveEvent): Step<SourcePhase> | null {
	return sourceTable[phase].on[event] ?? null;
}

/** Gives up without a word to anybody: the container runs here as before. */
export function isBeforeClaim(phase: SourcePhase): boolean {
	return ["checking", "readying", "dumping", "sending", "restoring"].includes(phase);
}
