// pause and resume: the v2 freezer, on hybrid machines too.

import { SwarmError } from "../../errors.js";
import { setFrozen } from "../cgroups.js";
import { type ContainerStatus, find, statusOf } from "../store.js";
import type { Command, Context } from "./command.js";

export const pause: Command = {
	summary: "freeze every process of a container",
	words: "ID",
	options: {},
	run: ({ positional }, context) => change(context, positional[0] ?? "", true, ["created", "running"]),
};

export const resume: Command = {
	summary: "let a paused container go on",
	words: "ID",
	options: {},
	run: ({ positional }, context) => change(context, positional[0] ?? "", false, ["paused"]),
};

async function change(
	context: Context,
	id: string,
	frozen: boolean,
	from: readonly ContainerStatus[],
): Promise<number> {
	const container = find(context.root, id);
	const status = statusOf(container);
	const verb = frozen ? "pause" : "resume";
	if (!from.includes(status))
		throw new SwarmError("conflict", `Cannot ${verb} ${id}: it is ${status}, wanted ${from.join(" or ")}`);
	await setFrozen(container.record.cgroups.unified, frozen);
	return 0;
}
