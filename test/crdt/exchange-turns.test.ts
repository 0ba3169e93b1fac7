import { expect, test } from "vitest";
import {
	ANSWER_WAIT_MS_MAX,
	ASKED_MS_MAX,
	BRINGING_MS_MAX,
	createExchangeTurns,
	type Turn,
} from "../../src/crdt/exchange-turns.js";
import { createSimProcess } from "../cluster/sim/sim-process.js";
import { createTimeline } from "../cluster/sim/timeline.js";

const never = new AbortController().signal;

function world() {
	const timeline = createTimeline();
	const turns = createExchangeTurns(createSimProcess(timeline, { offsetMs: 0, rate: 1 }).clock);
	const begun: (readonly [string, Turn])[] = [];
	const begin = (name: string, side: "opening" | "answering", signal = never) =>
		turns.begin(side, signal).then(
			(turn) => void begun.push([name, turn]),
			() => {},
		);
	const names = async () => {
		await timeline.run(0);
		return begun.map(([name]) => name);
	};
	const turnOf = (name: string) => begun.find(([of]) => of === name)?.[1] as Turn;
	return { timeline, begin, names, turnOf };
}

test("one after the other asks, and what comes of one is not asked of the next", async () => {
	const { begin, names, turnOf } = world();
	for (const name of ["a", "b", "c"]) void begin(name, "opening");
	expect(await names()).toEqual(["a"]);
	turnOf("a").heard(true);
	expect(await names()).toEqual(["a"]);
	turnOf("a").end();
	expect(await names()).toEqual(["a", "b"]);
	turnOf("b").heard(false);
	expect(await names()).toEqual(["a", "b", "c"]);
});

test("an exchange is answered at once while another has only asked, so that two nodes never wait for each other", async () => {
	const { begin, names, turnOf } = world();
	void begin("a", "opening");
	void begin("b", "answering");
	expect(await names()).toEqual(["a", "b"]);
	turnOf("b").heard(true);
	void begin("c", "answering");
	expect(await names()).toEqual(["a", "b"]);
	turnOf("b").end();
	expect(await names()).toEqual(["a", "b", "c"]);
});

test("a peer that says nothing, or brings something for ever, holds nobody up for long", async () => {
	const { timeline, begin, names, turnOf } = world();
	void begin("a", "opening");
	void begin("b", "opening");
	await timeline.run(ASKED_MS_MAX);
	expect(await names()).toEqual(["a", "b"]);
	turnOf("b").heard(true);
	void begin("c", "answering");
	void begin("d", "opening");
	await timeline.run(ANSWER_WAIT_MS_MAX);
	expect(await names()).toEqual(["a", "b", "c"]);
	turnOf("c").heard(false);
	await timeline.run(BRINGING_MS_MAX - ANSWER_WAIT_MS_MAX);
	expect(await names()).toEqual(["a", "b", "c", "d"]);
});

test("who is told to stop waits no longer, and leaves its place", async () => {
	const { begin, names, turnOf } = world();
	const stop = new AbortController();
	void begin("a", "opening");
	const waiting = begin("b", "opening", stop.signal);
	void begin("c", "opening");
	stop.abort(new Error("stop"));
	await waiting;
	turnOf("a").end();
	expect(await names()).toEqual(["a", "c"]);
});
