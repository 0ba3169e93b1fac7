// Which nodes hold the named volumes of a workload, from the view. Pure. Placement asks it, and the plan, which leaves a workload where its
// data are.

import type { ClusterView } from "../crdt/state.js";
import { type ContainerId, type NodeId, type Spec, volumeNamesOf } from "../model.js";

export interface VolumePlace {
	readonly name: string;
	/** Members that hold it; empty for one that is yet to be made. */
	readonly nodes: readonly NodeId[];
}

/** A container that is about to make it: claimed, and its node has not told of the volume yet. */
export interface VolumeMaker {
	readonly container: ContainerId;
	readonly owner: NodeId;
	readonly spec: Spec;
}

/** In rising order of names. `makers`: other containers; asked where no node holds a volume, so that replicas find each other's. */
export function volumePlacesOf(
	view: Pick<ClusterView, "volumes" | "nodes">,
	spec: Pick<Spec, "volumes">,
	makers: readonly VolumeMaker[],
): readonly VolumePlace[] {
	return volumeNamesOf(spec).map((name) => {
		const holders = view.volumes
			.filter((volume) => volume.name === name && view.nodes.get(volume.node)?.left === false)
			.map(({ node }) => node);
		const making = makers.filter((maker) => volumeNamesOf(maker.spec).includes(name)).map(({ owner }) => owner);
		return { name, nodes: holders.length > 0 ? holders : [...new Set(making)].sort() };
	});
}

/** Its volumes that `node` alone holds, for which it waits when that node is down; none of them where its policy is `available`. */
export function volumesAwaited(
	view: Pick<ClusterView, "volumes" | "nodes">,
	spec: Pick<Spec, "volumes" | "policy">,
	node: NodeId,
): readonly string[] {
	if (spec.policy === "available") return [];
	return volumePlacesOf(view, spec, [])
		.filter(({ nodes }) => nodes.length === 1 && nodes[0] === node)
		.map(({ name }) => name);
}

/** For the question where something may go that takes its volumes along. */
export function withoutVolumesOf(view: ClusterView, node: NodeId): ClusterView {
	return { ...view, volumes: view.volumes.filter((volume) => volume.node !== node) };
}

/** Of volumes that `node` alone holds, those that workloads use, each as `data of web`. */
export function dataOnlyOn(view: Pick<ClusterView, "volumes" | "nodes" | "specs">, node: NodeId): readonly string[] {
	const specs = [...view.specs.values()].filter((record) => !record.removed);
	return specs.flatMap(({ name, spec }) =>
		volumePlacesOf(view, spec, []).flatMap((place) =>
			place.nodes.length === 1 && place.nodes[0] === node ? [`${place.name} of ${name}`] : [],
		),
	);
}
