// Which CRIU works on this machine, as scripts/criu.sh recorded it after a real dump and restore.

import { accessSync, constants, readFileSync } from "node:fs";
import { join } from "node:path";

export interface CriuInstallation {
	/** Program and leading arguments (a private one runs through its own loader). */
	readonly argv: readonly string[];
	/** `4.2.1` */
	readonly version: string;
}

/** null without a usable record: checkpoints are then refused, everything else works. */
export function findCriu(
	directory = process.env.SWARM_CRIU_DIR ?? "/var/lib/stratoswarm/criu",
): CriuInstallation | null {
	try {
		const record = JSON.parse(readFileSync(join(directory, "current"), "utf8")) as Partial<CriuInstallation>;
		const [program] = record.argv ?? [];
		if (typeof program !== "string" || typeof record.version !== "string") return null;
		accessSync(program, constants.X_OK);
		return { argv: record.argv ?? [], version: record.version };
	} catch {
		return null;
	}
}
