// runtime.md#kill

import { constants } from "node:os";
import { SwarmError } from "../../errors.js";
import { isGiven, usage } from "../arguments.js";
import { signalAll } from "../cgroups.js";
import { runProgram } from "../program.js";
import { find, statusOf } from "../store.js";
import type { Command } from "./command.js";

export const kill: Command = {
	summary: "send a signal (SIGTERM) to the container's first process",
	words: "ID [SIGNAL]",
	options: { all: { takesValue: false, alias: "a", says: "to every process of the container, also of a stopped one" } },
	async run(given, context) {
		const container = find(context.root, given.positional[0] ?? "");
		const { id, cgroups } = container.record;
		const signal = signalOf(given.positional[1] ?? "SIGTERM");
		if (isGiven(given, "all")) {
			signalAll(cgroups.unified, signal);
			return 0;
		}
		const status = statusOf(container);
		if (status === "stopped" || status === "creating")
			throw new SwarmError(
				"conflict",
				`Cannot kill ${id}: container not running, it is ${status}, wanted created or running`,
			);
		const { failure } = await runProgram({ action: "kill", directory: container.directory, args: [String(signal)] });
		if (failure !== null) throw new SwarmError("failed", `Cannot kill ${id}: ${failure}`);
		return 0;
	},
};

/** `9`, `KILL`, `SIGKILL`, `SIGRTMIN+3` */
export function signalOf(text: string): number {
	const name = text.toUpperCase().replace(/^(?!SIG)/, "SIG");
	const realTime = /^SIGRTMIN(?:\+(\d+))?$/.exec(name);
	const number = /^\d+$/.test(text)
		? Number(text)
		: realTime !== null
			? 34 + Number(realTime[1] ?? 0)
			: (constants.signals as Readonly<Record<string, number>>)[name];
	if (number === undefined || number > 64) throw usage(`there is no signal ${text}`);
	return number;
}
