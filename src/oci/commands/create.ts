// runtime.md#create

import { createContainer } from "../creation.js";
import { type Command, creationOptions } from "./command.js";

export const create: Command = {
	summary: "make a container from a bundle; it waits for `start`",
	words: "ID",
	options: creationOptions,
	async run(given, context) {
		await createContainer("create", given, context);
		return 0;
	},
};
