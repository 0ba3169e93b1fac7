// create and start in one; without --detach also waiting and delete.

import { SwarmError } from "../../errors.js";
import { isGiven } from "../arguments.js";
import { createContainer } from "../creation.js";
import { type Command, creationOptions } from "./command.js";
import { deleteContainer } from "./delete.js";
import { startContainer } from "./start.js";

export const run: Command = {
	summary: "create and start; wait for its end, with its exit code, and delete it",
	words: "ID",
	options: {
		...creationOptions,
		detach: { takesValue: false, alias: "d", says: "do not wait" },
		keep: { takesValue: false, says: "do not delete it when it has ended" },
	},
	async run(given, context) {
		if (!isGiven(given, "detach")) {
			const container = await createContainer("run", given, context);
			if (!isGiven(given, "keep")) await deleteContainer(container, context);
			return container.code;
		}
		const container = await createContainer("create", given, context);
		try {
			await startContainer(container, context);
			return 0;
		} catch (thrown) {
			await deleteContainer(container, context);
			throw thrown instanceof SwarmError ? thrown : new SwarmError("failed", String(thrown), { cause: thrown });
		}
	},
};
