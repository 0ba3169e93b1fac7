// A daemon to be killed: opens a runtime over the given state, makes and starts the containers of `requests.json`, says so, and
// stays. Run as a bundle by native-runtime.kernel.test.ts: victim-daemon STATE SCOPE.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CreateRequest } from "../../src/runtime/runtime.js";
import { openTestRuntime } from "./native-world.js";

const [stateDirectory = "", scope = ""] = process.argv.slice(2);
const requests = JSON.parse(readFileSync(join(stateDirectory, "requests.json"), "utf8")) as readonly CreateRequest[];
const never = new AbortController().signal;

const runtime = await openTestRuntime(stateDirectory, scope);
for (const request of requests) {
	await runtime.create(request, never);
	await runtime.start(request.container, request.epoch, never);
}
process.stdout.write("running\n");
setInterval(() => {}, 60_000);
