// Every order of events of one move: both machines, the two copies and the claim, with crashes, failures and cut links at any
// step up to a budget. What the coordinator does with effects is modelled; the tables are the product's.

import type { MoveEffect, MoveEvent } from "../../../src/migration/machine.js";
import { type SourcePhase, sourceTable, stepSource } from "../../../src/migration/source-machine.js";
import { stepTarget, type TargetPhase, targetTable } from "../../../src/migration/target-machine.js";

interface Side<P> {
	/** null: no machine (not begun, or over). */
	phase: P | null;
	/** What a new daemon finds; null: nothing. */
	journal: P | null;
	pending: MoveEffect[];
}

export interface World {
	source: Side<SourcePhase>;
	target: Side<TargetPhase>;
	/** The source's copy, the target's copy. */
	here: "runs" | "frozen" | "none";
	there: "runs" | "waits" | "none";
	/** Who owns it: before the hand-over, after it, handed or taken back. */
	claim: "source" | "target" | "source again";
	link: boolean;
	faults: number;
	trail: string[];
}

export interface Findings {
	readonly states: number;
	/** Where it can end, as "<source phase> <target phase> <here> <there> <claim>". */
	readonly ends: ReadonlySet<string>;
	readonly phasesSeen: ReadonlySet<string>;
}

/** Throws with the trail of the first state that breaks a promise. */
export function explore(faults: number): Findings {
	const first: World = {
		source: { phase: "checking", journal: null, pending: ["check"] },
		target: { phase: null, journal: null, pending: [] },
		...{ here: "runs", there: "none", claim: "source", link: true, faults, trail: [] },
	};
	const seen = new Set<string>();
	const ends = new Set<string>();
	const phasesSeen = new Set<string>();
	const waiting = [first];
	for (let world = waiting.pop(); world !== undefined; world = waiting.pop()) {
		const key = JSON.stringify({ ...world, trail: null });
		if (seen.has(key)) continue;
		seen.add(key);
		check(world);
		phasesSeen.add(`source ${world.source.phase}`).add(`target ${world.target.phase}`);
		const next = [...work(world), ...views(world)];
		if (next.length === 0) {
			checkEnd(world);
			ends.add([world.source.phase, world.target.phase, world.here, world.there, world.claim].join(" "));
		}
		waiting.push(...next, ...faultsOf(world));
	}
	return { states: seen.size, ends, phasesSeen };
}

function check(world: World): void {
	const fail = (why: string) => {
		throw new Error(`${why}\n${world.trail.join("\n")}\n${JSON.stringify({ ...world, trail: null })}`);
	};
	if (world.here === "runs" && world.there === "runs") fail("two copies run");
	if (world.here === "runs" && world.claim === "target") fail("the source runs what it handed over");
	if (world.there === "runs" && world.claim !== "target") fail("the target runs what it does not own");
	if (world.here === "none" && world.there === "none") fail("no copy is left");
}

function checkEnd(world: World): void {
	const owner = world.claim === "target" ? world.there : world.here;
	const other = world.claim === "target" ? world.here : world.there;
	if (owner !== "runs" || other !== "none" || world.source.journal !== null || world.target.journal !== null)
		throw new Error(`a bad end\n${world.trail.join("\n")}\n${JSON.stringify({ ...world, trail: null })}`);
}

type Who = "source" | "target";

function copyOf(world: World, note: string): World {
	return {
		...world,
		source: { ...world.source, pending: [...world.source.pending] },
		target: { ...world.target, pending: [...world.target.pending] },
		trail: [...world.trail, note],
	};
}

function post(world: World, who: Who, event: MoveEvent): void {
	const side = world[who];
	if (side.phase === null) return;
	const step =
		who === "source"
			? stepSource(world.source.phase as SourcePhase, event)
			: stepTarget(world.target.phase as TargetPhase, event);
	if (step === null) return;
	side.phase = step.phase as never;
	const row = who === "source" ? sourceTable[step.phase as SourcePhase] : targetTable[step.phase as TargetPhase];
	const unwritten = step.phase === "checking" || step.phase === "readying";
	side.journal = (row.final === true || unwritten ? null : step.phase) as never;
	// What an effect of the former phase would say comes too late; work without an answer is done at once.
	side.pending = step.effects.filter((effect) => !["report", "forget", "dismiss"].includes(effect));
	if (step.effects.includes("dismiss") && world.link) dismiss(world, who);
}

/** As the coordinator takes it: before the claim the word of the target ends the move, after it only a claim does. */
function dismiss(world: World, by: Who): void {
	if (by === "source") {
		const receives = world.target.phase === "receiving" || world.target.phase === "fetching";
		post(world, "target", receives ? "failed" : "abort");
	} else if (["checking", "readying", "dumping", "sending", "restoring"].includes(world.source.phase ?? ""))
		post(world, "source", "failed");
}

/** Each effect that is under way may end. */
function work(world: World): World[] {
	const next: World[] = [];
	for (const who of ["source", "target"] as const)
		for (const effect of world[who].pending) {
			const after = copyOf(world, `${who} ${world[who].phase}: ${effect}`);
			const { pending } = after[who];
			pending.splice(pending.indexOf(effect), 1);
			if (perform(after, who, effect)) next.push(after);
		}
	return next;
}

/** False: it waits for the other end. */
function perform(world: World, who: Who, effect: MoveEffect): boolean {
	const { source, target } = world;
	const done = () => post(world, who, "done");
	switch (effect) {
		case "check":
			target.phase = "fetching";
			target.journal = "fetching";
			target.pending = ["fetch"];
			done();
			return true;
		case "ready":
			return false;
		case "fetch":
			if (source.phase === "readying") post(world, "source", "done");
			done();
			return true;
		case "dump":
			world.here = "frozen";
			done();
			return true;
		case "send":
			if (target.phase !== "receiving") return false;
			post(world, "target", "done");
			done();
			return true;
		case "receive":
			return false;
		case "restore":
			world.there = "waits";
			done();
			return true;
		case "say-prepared":
			if (world.link) post(world, "source", "prepared");
			else post(world, "target", "link-lost");
			return true;
		case "commit":
			world.claim = "target";
			post(world, "source", "go");
			return true;
		case "announce":
		case "ask":
			world.link = true;
			tellGo(world);
			return true;
		case "query":
			return answerQuery(world);
		case "release":
			if (world.there === "none") post(world, "target", "failed");
			else {
				world.there = "runs";
				done();
			}
			return true;
		case "say-running":
			if (world.link) post(world, "source", "running");
			return true;
		case "discard":
			world.here = "none";
			done();
			return true;
		case "thaw":
			if (world.claim === "target") throw new Error(`thawed what is the target's\n${world.trail.join("\n")}`);
			if (world.here === "frozen") world.here = "runs";
			done();
			return true;
		case "reclaim":
			world.claim = "source again";
			done();
			return true;
		case "give-back":
			world.there = "none";
			if (world.claim === "target") world.claim = "source again";
			done();
			return true;
		case "remove":
			world.there = "none";
			done();
			return true;
		case "clean":
			done();
			return true;
		default:
			throw new Error(`the model does not know ${effect}`);
	}
}

function tellGo(world: World): void {
	const { target } = world;
	if (target.phase === null) post(world, "source", world.there === "runs" ? "running" : "unknown");
	else if (target.phase === "settling" || target.phase === "arrived") post(world, "source", "running");
	else if (target.phase === "refused") post(world, "source", "unknown");
	else post(world, "target", "go");
}

function answerQuery(world: World): boolean {
	const { phase } = world.source;
	if (phase === "undoing" || phase === "unmoved" || phase === null) {
		post(world, "target", world.claim === "target" ? "go" : "abort");
		return true;
	}
	if (phase === "handed" || phase === "removing" || phase === "moved") {
		post(world, "target", "go");
		return true;
	}
	return false; // undecided: asked again when something changed
}

/** The records reach both ends some time. */
function views(world: World): World[] {
	const events: [Who, MoveEvent][] = [];
	if (world.claim === "target") events.push(["target", "go"]);
	if (world.claim === "target" && world.there === "runs") events.push(["source", "running"]);
	if (world.claim === "source again") events.push(["source", "taken-back"], ["target", "superseded"]);
	return events.flatMap(([who, event]) => {
		const after = copyOf(world, `${who} ${world[who].phase}: sees ${event}`);
		const before = JSON.stringify(after[who]);
		post(after, who, event);
		return JSON.stringify(after[who]) === before ? [] : [after];
	});
}

const fallible: readonly MoveEffect[] = [
	"check",
	"fetch",
	"dump",
	"send",
	"restore",
	"commit",
	"release",
	"thaw",
	"remove",
	"discard",
	"give-back",
	"reclaim",
];

function faultsOf(world: World): World[] {
	if (world.faults === 0) return [];
	const next: World[] = [];
	const add = (note: string, act: (after: World) => void) => {
		const after = copyOf(world, note);
		after.faults--;
		act(after);
		next.push(after);
	};
	for (const who of ["source", "target"] as const) {
		for (const effect of world[who].pending.filter((one) => fallible.includes(one)))
			add(`${who} ${world[who].phase}: ${effect} fails`, (after) => {
				if (effect === "send") post(after, "target", "failed");
				post(after, who, "failed");
			});
		if (world[who].phase !== null) add(`${who} ${world[who].phase}: crashes`, (after) => crash(after, who));
	}
	if (world.link) add("the link is cut", cutLink);
	if (world.there === "waits")
		add("the waiting copy dies", (after) => {
			after.there = "none";
		});
	return next;
}

function cutLink(world: World): void {
	world.link = false;
	// Before the target exists, or in the middle of receiving, the loss of the link is the failure of the work.
	if (world.target.phase === "receiving" || world.target.phase === "fetching") post(world, "target", "failed");
	else post(world, "target", "link-lost");
	post(world, "source", "link-lost");
}

function crash(world: World, who: Who): void {
	const side = world[who];
	side.phase = side.journal as never;
	side.pending = [];
	const other = who === "source" ? "target" : "source";
	world.link = false;
	if (other === "target" && (world.target.phase === "receiving" || world.target.phase === "fetching"))
		post(world, "target", "failed");
	else post(world, other, "link-lost");
	if (who === "source") post(world, "source", world.claim === "target" ? "go" : "boot");
	else {
		if (world.claim === "target") post(world, "target", "go");
		else if (world.claim === "source again") post(world, "target", "superseded");
		post(world, "target", "boot");
	}
}
