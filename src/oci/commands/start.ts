// runtime.md#start

import { SwarmError } from "../../errors.js";
import { runProgram } from "../program.js";
import { find, type StoredContainer, statusOf } from "../store.js";
import type { Command, Context } from "./command.js";

export const start: Command = {
	summary: "let a created container run its program",
	words: "ID",
	options: {},
	async run({ positional }, context) {
		await startContainer(find(context.root, positional[0] ?? ""), context);
		return 0;
	},
};

export async function startContainer(container: StoredContainer, context: Context): Promise<void> {
	const { id, hasProcess } = container.record;
	const status = statusOf(container);
	if (status !== "created") throw new SwarmError("conflict", `Cannot start ${id}: it is ${status}, wanted created`);
	if (!hasProcess) throw new SwarmError("usage", `Cannot start ${id}: its config.json has no process`);
	const { failure, warnings } = await runProgram({ action: "start", directory: container.directory });
	for (const warning of warnings) context.warn(warning);
	if (failure !== null) throw new SwarmError("failed", `Cannot start ${id}: ${failure}`);
}
