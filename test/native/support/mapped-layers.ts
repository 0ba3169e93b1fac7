// What user namespaces need of the kernel beyond what containers need anyway.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nativePaths } from "../../../src/native/paths.js";

/** Call it where containers can be made; null when they can have a user namespace too. */
export function missingMappedLayers(): string | null {
	const place = mkdtempSync(join(tmpdir(), "swarm-try-userns-"));
	for (const name of ["lower", "upper", "work", "merged"]) mkdirSync(join(place, name));
	const { status, stderr } = spawnSync(nativePaths().init, ["try-userns", place], { encoding: "utf8" });
	rmSync(place, { recursive: true });
	return status === 0 ? null : `user namespaces with mapped layers: ${stderr.trim()}`;
}
