// runtime.md#delete

import { join } from "node:path";
import { SwarmError } from "../../errors.js";
import { isGiven } from "../arguments.js";
import { removeCgroups, signalAll } from "../cgroups.js";
import { runProgram } from "../program.js";
import { checkId, find, forget, type StoredContainer, statusOf } from "../store.js";
import type { Command, Context } from "./command.js";

const SIGKILL = 9;

export const deleteCommand: Command = {
	summary: "remove what a stopped container still holds",
	words: "ID",
	options: { force: { takesValue: false, alias: "f", says: "end it first; no error when there is none" } },
	async run(given, context) {
		const force = isGiven(given, "force");
		const container = findOrNull(context.root, given.positional[0] ?? "", force);
		if (container === null) return 0;
		const status = statusOf(container);
		if (status !== "stopped" && !force)
			throw new SwarmError(
				"conflict",
				`Cannot delete ${container.record.id}: it is ${status}, wanted stopped (or --force)`,
			);
		await deleteContainer(container, context);
		return 0;
	},
};

/** Ends what is inside, and goes on where an earlier removal stopped. A poststop hook that fails is told and changes nothing. */
export async function deleteContainer({ directory, record }: StoredContainer, context: Context): Promise<void> {
	signalAll(record.cgroups.unified, SIGKILL);
	await removeCgroups(record.cgroups);
	if (record.hasPoststop) {
		const { failure } = await runProgram({ action: "poststop", directory });
		if (failure !== null) context.warn(failure);
	}
	forget(directory);
}

/** A create that was killed early has left a directory without a record. */
function findOrNull(root: string, id: string, force: boolean): StoredContainer | null {
	try {
		return find(root, id);
	} catch (thrown) {
		if (!force || !(thrown instanceof SwarmError) || thrown.code !== "not-found") throw thrown;
		forget(join(root, checkId(id)));
		return null;
	}
}
