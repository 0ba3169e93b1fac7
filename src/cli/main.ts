// The program `swarm`: finds the command, runs it, ends with its exit code. Commands report their own errors; what fails
// before a command is found is reported here. Must stay small: every command waits for what is imported here.

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "@oclif/core/run";
import { jsonWanted, report } from "./failure.js";

/** The directory with the manifest: this file is `<root>/cli/main.js` in the bundle. */
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const argv = process.argv.slice(2);

// Elsewhere oclif adds lines of its own to our one about arguments that cannot be parsed.
process.env.NODE_ENV = "production";

// A reader that has seen enough (`swarm logs -f web | head -1`) ends the command; oclif would go on writing to nobody.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
	if (error.code === "EPIPE") process.exit();
});

try {
	await run(argv, { root });
} catch (thrown) {
	process.exitCode = report(thrown, { command: null, argv, json: jsonWanted(argv) });
}
// What a slow reader has not taken yet is still in this process.
for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write("", resolve));
// Not left to the event loop: an open standard input or an idle connection would hold the terminal.
process.exit();
