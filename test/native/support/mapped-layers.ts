// What user namespaces need of the kernel beyond what containers need anyway.

import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { nativePaths } from "../../../src/native/paths.js";

/** Call it where containers can be made; null when they can have a user namespace too. */
export function missingMappedLayers(): string | null {
	const probe = join(dirname(nativePaths().monitor), "swarm-probe");
	const said = execFileSync(probe, { encoding: "utf8" });
	return /^layer-descriptor ok$/m.test(said) ? null : "overlay layers by descriptor (Linux 6.13)";
}
