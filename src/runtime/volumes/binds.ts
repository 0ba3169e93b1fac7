// Whether this node has the paths that a spec shows of its node. The init looks again, by descriptor: this is for a reason in words.

import { realpathSync } from "node:fs";
import { SwarmError } from "../../errors.js";
import { type BindMount, type ContainerId, type Spec, volumeNamesOf } from "../../model.js";

/** Why it cannot be shown, as a part of a sentence; null when it can. `ownState`: this node's state directory; null: not asked. */
export function bindRefusal(source: string, ownState: string | null): string | null {
	const real = realPathOf(source);
	if (real === null) return `${source} is not on this node, wanted a directory or file`;
	if (real !== source) return `${source} leads over a symbolic link, wanted where it leads to: ${real}`;
	if (real === ownState || real.startsWith(`${ownState}/`))
		return `${source} is this node's own state, wanted another path`;
	return null;
}

/** Throws `refused` for a path that is not here. */
export function checkBinds(container: ContainerId, { volumes }: Pick<Spec, "volumes">, ownState: string): void {
	for (const { source } of bindsOf(volumes)) {
		const why = bindRefusal(source, ownState);
		if (why !== null)
			throw new SwarmError("refused", `Cannot create ${container}: ${why}`, { details: { container, path: source } });
	}
}

export function bindsOf(volumes: Spec["volumes"]): readonly BindMount[] {
	return volumes.filter((mount) => mount.kind === "bind");
}

function realPathOf(path: string): string | null {
	try {
		return realpathSync(path);
	} catch {
		return null;
	}
}

/** What is no part of a container's own files, for messages: names of volumes and paths of the node. */
export function outsideFilesOf(volumes: Spec["volumes"]): readonly string[] {
	return [...volumeNamesOf({ volumes }), ...bindsOf(volumes).map(({ source }) => source)];
}
