import { expect, it } from "vitest";
import { EMPTY_VIEW } from "../../src/crdt/view.js";
import { isEnded, type MoveIdentity, nextClaim, standingOf } from "../../src/migration/standing.js";
import type { ClaimRecord, ContainerId, NodeId, SpecRecord } from "../../src/model.js";

const web0 = "web.0" as ContainerId;
const [source, target] = ["s", "t"] as unknown as [NodeId, NodeId];
const identity: MoveIdentity = { move: "m", container: web0, epoch: 4, source, target };
const back = { owner: source, writer: target, reason: "handover", time: { ms: 1, logical: 0 } } as const;

it("what is given back stands above the hand-over, also where that has not been heard of yet", () => {
	const own = nextClaim({ ...identity }, EMPTY_VIEW, { ...back, owner: target, writer: source });
	expect(own.epoch).toBe(5);
	expect(nextClaim(identity, EMPTY_VIEW, back, own.epoch).epoch).toBe(6);
	const view = { ...EMPTY_VIEW, claims: new Map([[web0, { ...own, epoch: 9 } as ClaimRecord]]) };
	expect(nextClaim(identity, view, back, own.epoch).epoch).toBe(10);
	expect(standingOf(identity, view)).toEqual({ kind: "target", epoch: 9 });
});

it("a container has ended when its workload was removed or has fewer replicas, not when nothing is known of it", () => {
	const endsWith = (record: { removed: boolean; spec: { replicas: number } }) =>
		isEnded(web0, { ...EMPTY_VIEW, specs: new Map([["web", record as SpecRecord]]) });
	expect(endsWith({ removed: false, spec: { replicas: 1 } })).toBe(false);
	expect(endsWith({ removed: true, spec: { replicas: 1 } })).toBe(true);
	expect(endsWith({ removed: false, spec: { replicas: 0 } })).toBe(true);
	expect(isEnded(web0, EMPTY_VIEW)).toBe(false);
});
