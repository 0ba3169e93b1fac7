// What a daemon remembers of itself between two starts, apart from secrets (mesh/) and records (crdt/).

import { open, rename } from "node:fs/promises";
import { configFile, type DaemonConfig } from "./config.js";

/** Everything but the join, which is for once. */
export async function keepConfig(config: DaemonConfig): Promise<void> {
	const { join: _once, ...kept } = config;
	await writeDurably(configFile(config.stateDirectory), JSON.stringify(kept, null, "\t"));
}

export async function writeDurably(path: string, text: string): Promise<void> {
	const temporary = `${path}.new`;
	const file = await open(temporary, "w", 0o600);
	try {
		await file.writeFile(text);
		await file.sync();
	} finally {
		await file.close();
	}
	await rename(temporary, path);
}
