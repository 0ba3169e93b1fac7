// Where the built native parts are: build/native below the package's own directory, found upwards from this module, so
// that it holds for the sources (src/native) as well as for a bundle (dist).

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SwarmError } from "../errors.js";

export interface NativePaths {
	readonly library: string;
	/** Static programs (README.md). */
	readonly monitor: string;
	readonly init: string;
	/** Starts `criu dump` and is CRIU's action script. */
	readonly criu: string;
	/** Takes files out of a running container and puts them into it. */
	readonly copy: string;
}

/** Throws `unsupported` when the native parts are not built. */
export function nativePaths(): NativePaths {
	const directory = join(packageDirectory(), "build", "native");
	const paths = {
		library: join(directory, "libstratoswarm.so"),
		monitor: join(directory, "swarm-monitor"),
		init: join(directory, "swarm-init"),
		criu: join(directory, "swarm-criu"),
		copy: join(directory, "swarm-copy"),
	};
	for (const path of Object.values(paths))
		if (!existsSync(path))
			throw new SwarmError("unsupported", `Cannot use the native parts: ${path} is absent, wanted make -C src/native`, {
				details: { feature: "native", path },
			});
	return paths;
}

/** The directory of package.json, found upwards from the sources as well as from a bundle. */
export function packageDirectory(): string {
	let directory = dirname(fileURLToPath(import.meta.url));
	while (!existsSync(join(directory, "package.json"))) {
		const parent = dirname(directory);
		if (parent === directory)
			throw new SwarmError("failed", `Cannot find the package directory: no package.json above ${import.meta.url}`);
		directory = parent;
	}
	return directory;
}
