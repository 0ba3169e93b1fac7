// The move as two pure machines, one on each end: phase × event → next phase and effects as data. They meet in one fact only:
// the hand-over claim in the source's own document. Before it the source owns the container and may thaw it; after it
// the source never resumes by itself. Must never touch a clock, a stream, a process or a file.
//
// A pair that is not in a table changes nothing (events of a dead stream arrive late): the step functions give null.
// Tables: source-machine.ts, target-machine.ts.

export type Role = "source" | "target";

/** What happened. Both ends share the words; each table takes those that make sense for it. */
export type MoveEvent =
	/** The work of the phase (its effect) is done. */
	| "done"
	/** The work of the phase failed, the peer said so, the caller gave up, or the deadline passed. */
	| "failed"
	/** The stream to the peer ended, or none could be opened. */
	| "link-lost"
	/** The target holds the restored container, stopped before its first instruction. */
	| "prepared"
	/** The hand-over claim is durable (source), or was seen or told (target). */
	| "go"
	/** The target runs it. */
	| "running"
	/** The target knows nothing of the move: its disk is not what it was. */
	| "unknown"
	/** The source will not hand over, or another owner won. */
	| "abort"
	/** The winning claim names this node again under a higher epoch: handed back, or adopted. */
	| "taken-back"
	/** The winning claim names a third node. */
	| "superseded"
	/** The daemon starts and finds the move in its journal; the claim is not (or not yet) written. */
	| "boot";

/** What to do, in this order. Each that takes time answers with `done` or `failed` unless another event is named. */
export type MoveEffect =
	// source
	| "check" // ask the target for its verdict and reservation
	| "ready" // wait until the target has the image and directories
	| "dump" // journal first, durably: a crash from here on thaws
	| "send"
	| "commit" // the point of no return: `go` when durable, `failed` when surely not written
	| "announce" // tell the target, opening a stream when there is none; then wait for `running`
	| "ask" // the same after a pause
	| "discard" // remove the source's copy
	| "thaw" // under the epoch of the winning claim
	| "reclaim" // claim epoch + 2 for this node: `done` or `failed`
	// target
	| "fetch" // image, directories
	| "receive"
	| "restore"
	| "say-prepared" // journal first
	| "query" // ask the source what was decided, after a pause
	| "release" // restore again from the kept checkpoint if need be, then the first instruction
	| "say-running"
	| "give-back" // claim epoch + 1 for the source: `done` or `failed`
	| "remove" // throw the target's copy away
	| "clean" // the checkpoint directory
	// both
	| "dismiss" // tell the peer that it is over
	| "forget" // journal entry and directories
	| "report"; // answer whoever waits for the move

/** Where the container is alive and who owns it, for the row's reader and for `swarm events`. */
export type Whereabouts =
	| "runs on source, owned by source"
	| "frozen on source, owned by source"
	| "frozen on source, copy on target waits, owned by source"
	| "copy on target, frozen on source, owned by target"
	| "runs on target, frozen on source, owned by target"
	| "runs on target, owned by target"
	| "runs elsewhere";

export interface Step<P> {
	readonly phase: P;
	readonly effects: readonly MoveEffect[];
}

export interface PhaseRow<P> {
	readonly where: Whereabouts;
	/** No event leaves it. */
	readonly final?: true;
	readonly on: Partial<Record<MoveEvent, Step<P>>>;
}

export function to<P>(phase: P, ...effects: MoveEffect[]): Step<P> {
	return { phase, effects };
}
