// runtime.md#query-state, with the fields that runc and crun add.

import { SPEC_VERSION } from "../config/container-plan.js";
import { find, pidOf, statusOf } from "../store.js";
import type { Command } from "./command.js";

export const state: Command = {
	summary: "print the state of a container as JSON",
	words: "ID",
	options: {},
	run({ positional }, context) {
		const container = find(context.root, positional[0] ?? "");
		const { id, bundle, rootfs, created, annotations } = container.record;
		const status = statusOf(container);
		const pid = status === "stopped" ? 0 : (pidOf(container.directory) ?? 0);
		const answer = { ociVersion: SPEC_VERSION, id, status, pid, bundle, rootfs, created, annotations };
		context.print(`${JSON.stringify(answer, null, 2)}\n`);
		return 0;
	},
};
