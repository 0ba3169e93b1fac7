// Part of model.ts, which gives it on: what a container sees besides its image, and what nodes hold of it. Imports only names.

/** At `target`, an absolute path inside, whose links are followed inside the container's root. nosuid and nodev, all three. */
export type VolumeMount = NamedVolumeMount | BindMount | TmpfsMount;

/**
 * A volume of the cluster, made on first use on the node that runs the container, with what the image has at that place. It is not part
 * of the container: it survives its removal. A workload is placed where its volumes are.
 */
export interface NamedVolumeMount {
	readonly kind: "volume";
	/** 1 to 63 of `a-z 0-9 . _ -`, beginning and ending with a letter or digit. */
	readonly name: string;
	readonly target: string;
	readonly readOnly: boolean;
}

/** A directory or file of the node, with what is mounted below it. It must be there, and no part of its path may be a symbolic link. */
export interface BindMount {
	readonly kind: "bind";
	readonly source: string;
	readonly target: string;
	readonly readOnly: boolean;
	/** Every node has the same files there (a network file system): the container may move with it. */
	readonly shared: boolean;
}

/** Memory of the container, counted to its limit; empty at each start. */
export interface TmpfsMount {
	readonly kind: "tmpfs";
	readonly target: string;
	readonly sizeBytes: number;
}

/** The volumes of the cluster that it uses, each once, in rising order. */
export function volumeNamesOf({ volumes }: { readonly volumes: readonly VolumeMount[] }): readonly string[] {
	return [...new Set(volumes.flatMap((mount) => (mount.kind === "volume" ? [mount.name] : [])))].sort();
}
