import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { DaemonConfig } from "../../src/node/config.js";
import { launchDaemon } from "../../src/node/launch-daemon.js";
import { temporaryDirectory } from "../support/temporary.js";

function configAt(stateDirectory: string): DaemonConfig {
	return { stateDirectory, name: "n1", listenHost: "127.0.0.1", listenPort: 0, labels: {}, witness: false, join: null };
}

it("a start that was interrupted before it began starts nothing and makes nothing", async () => {
	const root = await temporaryDirectory();
	const state = join(root, "state");
	const started = join(root, "started");
	const program = join(root, "program.mjs");
	writeFileSync(program, `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(started)}, "");`);
	await expect(launchDaemon(configAt(state), program, AbortSignal.abort())).rejects.toMatchObject({
		name: "AbortError",
	});
	expect([existsSync(state), existsSync(started)]).toEqual([false, false]);
});
