import { describe, expect, it } from "vitest";
import type { NodeId, SwarmEvent } from "../../../src/model.js";
import { storiesOf } from "../../../src/node/partition/report.js";
import { ACTS_MAX, SPLITS_KEPT_MAX, type SplitRecord, withEvent } from "../../../src/node/partition/split-log.js";

const [self, other] = ["n1", "n2"] as unknown as readonly [NodeId, NodeId];
const event = (timeMs: number, kind: string, subject: string, change: Partial<SwarmEvent> = {}): SwarmEvent => ({
	...{ timeMs, kind, subject, node: self, message: kind, details: {} },
	...change,
});
const about = (timeMs: number, kind: string, subject: string) => event(timeMs, kind, subject, { node: other });
const recorded = (events: readonly SwarmEvent[]) =>
	events.reduce<readonly SplitRecord[]>((splits, one) => withEvent(splits, one, self), []);

describe("the record of splits", () => {
	it("begins with the first node that is missed and ends with the last that is seen again", () => {
		const splits = recorded([
			event(1, "container.running", "early.0"),
			about(10, "node.down", "n2"),
			about(12, "node.down", "n3"),
			event(15, "container.adopted", "web.0"),
			about(16, "container.adopted", "db.0"),
			about(20, "node.alive", "n2"),
			about(25, "node.alive", "n3"),
			event(30, "container.superseded", "web.0", { details: { kept: "5-web.0-1", path: "/kept" } }),
			event(10_000_000, "container.running", "late.0"),
		]);
		expect(splits).toHaveLength(1);
		expect(splits[0]).toMatchObject({ beganAtMs: 10, endedAtMs: 25 });
		expect(splits[0]?.missed).toEqual([
			{ node: "n2", fromMs: 10, toMs: 20 },
			{ node: "n3", fromMs: 12, toMs: 25 },
		]);
		expect(splits[0]?.acts.map(({ subject, kept }) => [subject, kept])).toEqual([
			["web.0", null],
			["web.0", "5-web.0-1"],
		]);
	});

	it("is bounded", () => {
		const many = Array.from({ length: 2 * SPLITS_KEPT_MAX }, (_, at) => [
			about(at * 1e6, "node.down", "n2"),
			about(at * 1e6 + 1, "node.alive", "n2"),
		]).flat();
		expect(recorded(many)).toHaveLength(SPLITS_KEPT_MAX);
		const acts = Array.from({ length: 2 * ACTS_MAX }, (_, at) => event(at, "container.running", "web.0"));
		expect(recorded([about(0, "node.down", "n2"), ...acts])[0]?.acts).toHaveLength(ACTS_MAX);
	});
});

it("splits of several nodes that overlap are one story", () => {
	const split = (beganAtMs: number, endedAtMs: number | null): SplitRecord => ({
		...{ beganAtMs, endedAtMs, missed: [{ node: "x", fromMs: beganAtMs, toMs: endedAtMs }], acts: [] },
	});
	const stories = storiesOf({
		nodes: [
			{ node: "n1", splits: [split(1_000, 40_000), split(900_000, null)] },
			{ node: "n2", splits: [split(5_000, 45_000)] },
		],
		missing: [],
	});
	expect(stories.map(({ fromMs, toMs }) => [fromMs, toMs])).toEqual([
		[1_000, 45_000],
		[900_000, null],
	]);
	expect(stories[0]?.missed.map(({ by }) => by)).toEqual(["n1", "n2"]);
});
