// Gathers the facts of a verdict on either end, over the ports.

import { type ContainerId, containerIdOf, type PublishedPort, volumeNamesOf } from "../model.js";
import type { ContainerState } from "../runtime/runtime.js";
import { bindRefusal, bindsOf } from "../runtime/volumes/binds.js";
import type { MigrationPorts } from "./ports.js";
import type { SourceFacts, TargetFacts } from "./verdict.js";
import type { Offer } from "./wire.js";

export async function readSourceFacts(ports: MigrationPorts, held: ContainerState): Promise<SourceFacts> {
	const { machine } = await ports.facts();
	return {
		machine,
		phase: held.phase,
		memoryBytes: await memoryOf(ports, held),
		fileBytes: await fileBytesOf(ports, held),
		imageName: held.imageName,
		imageDigest: held.imageDigest,
		address: held.address,
		ports: held.spec.ports,
		memoryBytesRequested: held.spec.resources.memoryBytes,
		volumes: await volumesOf(ports, held),
		userNamespace: held.firstId !== null,
	};
}

export async function readTargetFacts(
	ports: MigrationPorts,
	offer: Offer,
	holdsMove: boolean,
	memoryBytesReserved: number,
): Promise<TargetFacts & { readonly holdsMove: boolean }> {
	const { runtime, files, images } = ports;
	const { machine, memoryBytesFree, leaving } = await ports.facts();
	const others = runtime.list().filter(({ container }) => container !== offer.container);
	const paths = bindsOf(offer.spec.volumes).map((bind) => ({ bind, refusal: bindRefusal(bind.source, null) }));
	const volumes = paths.flatMap(({ bind, refusal }) => (refusal === null ? [bind] : []));
	const named = images.list().find(({ name }) => name === offer.imageName);
	return {
		machine,
		diskBytesFree: await files.diskBytesFree(),
		memoryBytesFree: Math.max(0, memoryBytesFree - memoryBytesReserved),
		holdsMove,
		holdsContainer: holdsMove || runtime.get(offer.container) !== null,
		addressHolder: others.find(({ address }) => address !== null && address === offer.address)?.container ?? null,
		portHolder: portHolderOf(offer.spec.ports, others),
		imageState: imageStateOf(ports, offer, named?.digest ?? null),
		leaving,
		volumesHere: volumeNamesOf(offer.spec).filter((name) => runtime.volumes.get(name) !== null),
		pathsLacking: paths.flatMap(({ refusal }) => refusal ?? []),
		userNamespaceLack: await runtime.userNamespaceLack({ volumes }),
	};
}

/** Others of this node, or of the cluster, that have a volume of it. */
export function volumeUsersOf({ runtime, state }: MigrationPorts, held: ContainerState): readonly string[] {
	const names = volumeNamesOf(held.spec);
	const here = names.flatMap((name) => runtime.volumes.usersOf(name));
	const workloads = [...state.view().specs.values()].filter(
		(record) => !record.removed && volumeNamesOf(record.spec).some((name) => names.includes(name)),
	);
	const wished = workloads.flatMap(({ name, spec }) =>
		Array.from({ length: spec.replicas }, (_, index) => containerIdOf(name, index)),
	);
	return [...new Set([...here, ...wished])].filter((container) => container !== held.container);
}

async function volumesOf({ runtime }: MigrationPorts, { spec }: ContainerState): Promise<SourceFacts["volumes"]> {
	const held = volumeNamesOf(spec).flatMap((name) => runtime.volumes.get(name) ?? []);
	return Promise.all(held.map(async (volume) => ({ ...volume, bytes: await runtime.volumes.measure(volume.name) })));
}

/** `host` is made of this node's own files: it cannot be fetched. */
const NEVER_FETCHED = "host";

function imageStateOf(ports: MigrationPorts, offer: Offer, here: string | null): TargetFacts["imageState"] {
	if (here === offer.imageDigest) return { kind: "present" };
	if (here !== null || offer.imageName === NEVER_FETCHED) return { kind: "differs", digest: here ?? "absent" };
	const elsewhere = ports.state.view().images.find(({ digest }) => digest === offer.imageDigest);
	return { kind: "missing", bytes: elsewhere?.sizeBytes ?? null };
}

function portHolderOf(wanted: readonly PublishedPort[], others: readonly ContainerState[]): TargetFacts["portHolder"] {
	for (const { container, spec } of others)
		for (const port of spec.ports)
			if (wanted.some(({ host, protocol }) => host === port.host && protocol === port.protocol))
				return { port: `${port.protocol}/${port.host}`, container: container as ContainerId };
	return null;
}

/** Its cgroup's charge holds the page cache too: an upper bound. 0 where it is not accounted. */
async function memoryOf({ runtime }: MigrationPorts, held: ContainerState): Promise<number> {
	try {
		return (await runtime.stats(held.container)).memoryBytes;
	} catch {
		return 0;
	}
}

async function fileBytesOf({ runtime, files }: MigrationPorts, held: ContainerState): Promise<number> {
	const paths = runtime.checkpoints?.files(held.container);
	if (paths === undefined) return 0;
	return (await files.bytesUnder(paths.upperDirectory)) + (await files.bytesUnder(paths.logDirectory));
}
