// Arguments and flags that several commands take. None of them is ever read from standard input.

import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";

export function workloadArgument() {
	return Args.string({
		description: "Name of the workload, as `swarm ps` prints it.",
		required: true,
		ignoreStdin: true,
	});
}

export function containerArgument() {
	return Args.string({
		description: "Container such as web.0, or the name of a workload with one replica.",
		required: true,
		ignoreStdin: true,
	});
}

export function volumeArgument() {
	return Args.string({
		description: "Name of the volume, as `swarm volume ls` prints it.",
		required: true,
		ignoreStdin: true,
	});
}

export function volumeNodeFlag(otherwise = "the only one that holds it") {
	return Flags.string({ summary: `Name of the node (default: ${otherwise}).`, helpValue: "NODE" });
}
