// The product's migration machine for a simulated node: real coordinator, simulated files and move journal.

import { SwarmError } from "../../../src/errors.js";
import type { MigrationsPort } from "../../../src/node/ports.js";

export async function openSimMigrations(): Promise<MigrationsPort> {
	const refuse = () => Promise.reject(new SwarmError("unsupported", "Cannot move: not here yet"));
	return {
		migrate: refuse,
		verdict: refuse,
		moving: () => new Set(),
		resumeAll: async () => {},
		subscribe: () => () => {},
		stop: async () => {},
	};
}
