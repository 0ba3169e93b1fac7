import { expect, it } from "vitest";
import { LEASE_OWN_MS } from "../../../src/crdt/leases.js";
import type { NodeId } from "../../../src/model.js";
import { newHold, OUTBID_AFTER_MS, outbidAbove, withRefusal, withYes } from "../../../src/node/lease/hold.js";

const [a, b, c, d, e] = ["a", "b", "c", "d", "e"] as unknown as readonly [NodeId, NodeId, NodeId, NodeId, NodeId];
const among = (voters: readonly NodeId[], before: readonly NodeId[] | null = null) => ({ voters, before });

it("does not get shorter when the cluster grows", () => {
	const held = withYes(withYes(newHold(1), a, 1_000, among([a, b, c])), b, 1_000, among([a, b, c]));
	expect(held.untilMs).toBe(1_000 + LEASE_OWN_MS);
	expect(withYes(held, c, 900, among([a, b, c, d, e])).untilMs).toBe(1_000 + LEASE_OWN_MS);
});

it("needs a majority of the voters before too, while their leases may hold", () => {
	const joint = among([a, b, c, d, e], [a, b, c]);
	const newcomers = [d, e, a].reduce((hold, voter) => withYes(hold, voter, 1_000, joint), newHold(1));
	expect(newcomers.untilMs).toBe(Number.NEGATIVE_INFINITY);
	expect(withYes(newcomers, b, 1_500, joint).untilMs).toBe(1_000 + LEASE_OWN_MS);
});

it("calls for a higher claim only after a long row of refusals without a lease", () => {
	const refused = withRefusal(newHold(2), 4, 1_000);
	expect(outbidAbove(refused, 1_000)).toBeNull();
	expect(outbidAbove(withRefusal(refused, 5, 9_000), 1_000 + OUTBID_AFTER_MS)).toBe(5);
	expect(outbidAbove(withRefusal(newHold(5), 4, 1_000), 1_000 + OUTBID_AFTER_MS)).toBeNull();
	const held = withYes(withYes(refused, a, 2_000, among([a, b])), b, 2_000, among([a, b]));
	expect(outbidAbove(held, 2_000 + OUTBID_AFTER_MS)).toBeNull();
});
