import { expect, it } from "vitest";
import { LEASE_MS } from "../../src/crdt/leases.js";
import { SwarmError } from "../../src/errors.js";
import { leaseAgain } from "../../src/migration/lease-again.js";
import type { ContainerId } from "../../src/model.js";

const web0 = "web.0" as ContainerId;

function leases(answer: () => Promise<void>) {
	const asked: string[] = [];
	return {
		asked,
		port: {
			release: () => {},
			reclaim: () => void asked.push("reclaim"),
			acquire: (_: ContainerId, epoch: number, withinMs: number) => {
				asked.push(`acquire ${epoch} ${withinMs > LEASE_MS ? "longer than a lease" : "too short"}`);
				return answer();
			},
		},
	};
}

it("a copy is thawed under a lease of its own, or when the one that was released is over", async () => {
	const held = leases(async () => {});
	await leaseAgain(held.port, web0, 4, new AbortController().signal);
	expect(held.asked).toEqual(["reclaim", "acquire 4 longer than a lease"]);
	const refused = leases(async () => {
		throw new SwarmError("timeout", "Cannot run web.0: it has no lease");
	});
	await expect(leaseAgain(refused.port, web0, 4, new AbortController().signal)).resolves.toBeUndefined();
});

it("a daemon that stops meanwhile thaws nothing", async () => {
	const stopping = new AbortController();
	const { port } = leases(async () => {
		stopping.abort();
		throw new SwarmError("timeout", "the daemon is stopping");
	});
	await expect(leaseAgain(port, web0, 4, stopping.signal)).rejects.toThrow("stopping");
});
