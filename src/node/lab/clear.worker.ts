// A program of its own: removes every container of one node whose daemon has ended. It runs inside the node's network
// namespace, which a Node process cannot enter by itself. Argument: the state directory. Says nothing unless it fails.

import { systemClock } from "../../clock.js";
import { asSwarmError } from "../../errors.js";
import { silentLogger } from "../../log.js";
import { loadIdentity } from "../../mesh/identity.js";
import { loadNative } from "../../native/binding.js";
import { nativePaths } from "../../native/paths.js";
import { openRuntime } from "../../runtime/native-runtime.js";
import { scopeOf } from "../scope.js";

async function clear(stateDirectory: string): Promise<void> {
	const { node } = await loadIdentity(stateDirectory);
	const runtime = await openRuntime({
		stateDirectory,
		scope: scopeOf(node),
		native: loadNative(),
		paths: nativePaths(),
		clock: systemClock,
		logger: silentLogger,
		checkpoints: null,
	});
	for (const { container, epoch } of runtime.list()) await runtime.remove(container, epoch);
	await runtime.close();
}

try {
	await clear(process.argv[2] ?? "");
} catch (thrown) {
	process.stderr.write(`${asSwarmError(thrown, "clear the node").message}\n`);
	process.exitCode = 1;
}
