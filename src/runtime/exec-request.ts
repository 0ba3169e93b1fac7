// The plainest request to run a command in a container; callers add what they want. Pure.

import type { ExecRequest } from "./runtime.js";

/** As the container itself runs, without input, terminal or limit of time. */
export function plainExec(command: readonly string[]): ExecRequest {
	return { command, env: {}, workdir: null, user: null, stdin: false, terminal: null, timeoutMs: null, detach: false };
}
