// Events of volumes: a node holds one that it did not hold, or the other way round, and workloads that wait for a node that is down because
// it holds their data. Pure.

import type { VolumeRecord } from "../model.js";
import type { Draft, Seen } from "./event-draft.js";
import { volumesAwaited } from "./volume-places.js";

export function volumeEvents(before: Seen, after: Seen): readonly Draft[] {
	return [...holdingEvents(before, after), ...waitingEvents(before, after)];
}

function holdingEvents({ view: before }: Seen, { view: after }: Seen): readonly Draft[] {
	if (before.volumes === after.volumes) return [];
	const keyOf = ({ name, node }: VolumeRecord) => `${name} ${node}`;
	const [had, has] = [before, after].map(({ volumes }) => new Set(volumes.map(keyOf))) as [Set<string>, Set<string>];
	const draft = (volume: VolumeRecord, kind: string, verb: string): Draft => ({
		node: volume.node,
		subject: volume.name,
		kind,
		message: `the volume ${volume.name} ${verb} ${after.nodes.get(volume.node)?.name ?? volume.node}`,
		details: { labels: volume.labels },
	});
	return [
		...after.volumes
			.filter((volume) => !had.has(keyOf(volume)))
			.map((volume) => draft(volume, "volume.added", "is now on")),
		...before.volumes
			.filter((volume) => !has.has(keyOf(volume)))
			.map((volume) => draft(volume, "volume.removed", "is gone from")),
	];
}

/** Once for each container of a node that is seen to be down. */
function waitingEvents(before: Seen, after: Seen): readonly Draft[] {
	const drafts: Draft[] = [];
	for (const [node, liveness] of after.liveness) {
		if (liveness !== "down" || before.liveness.get(node) === "down") continue;
		for (const claim of after.view.claims.values()) {
			const record = after.view.specs.get(claim.workload);
			if (claim.owner !== node || record === undefined || record.removed || record.desired !== "running") continue;
			const volumes = volumesAwaited(after.view, record.spec, node);
			const where = after.view.nodes.get(node)?.name ?? node;
			if (volumes.length > 0)
				drafts.push({
					node,
					subject: claim.container,
					kind: "container.waiting",
					message: `${claim.container} waits for ${where}, which alone holds ${volumes.join(", ")}: it is not placed on a node without its data`,
					details: { volumes, epoch: claim.epoch },
				});
		}
	}
	return drafts;
}
