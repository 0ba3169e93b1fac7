// Other limits for a container that is there: linux.resources as JSON, or single options.

import { readFileSync } from "node:fs";
import { SwarmError } from "../../errors.js";
import { type Arguments, type OptionForms, optionOf, usage } from "../arguments.js";
import { readCgroupTrees } from "../cgroup-trees.js";
import { applyResources, versionOf } from "../cgroups.js";
import { at, type Field, isAbsent, type Json, list, object, refuseUnsupported } from "../config/fields.js";
import { resourceWrites } from "../config/resources.js";
import { find, statusOf } from "../store.js";
import type { Command } from "./command.js";

/** Option → section and name in linux.resources, as runc has them. */
const numbers: Readonly<Record<string, readonly [section: string, name: string, says: string]>> = {
	"cpu-period": ["cpu", "period", "µs"],
	"cpu-quota": ["cpu", "quota", "µs in each period; -1 lifts it"],
	"cpu-burst": ["cpu", "burst", "µs that may be saved up"],
	"cpu-share": ["cpu", "shares", "2 to 262144"],
	"cpu-idle": ["cpu", "idle", "0 or 1"],
	memory: ["memory", "limit", "bytes; -1 lifts it"],
	"memory-reservation": ["memory", "reservation", "bytes"],
	"memory-swap": ["memory", "swap", "bytes of memory and swap together; -1 lifts it"],
	"pids-limit": ["pids", "limit", "processes and threads; -1 lifts it"],
	"blkio-weight": ["blockIO", "weight", "10 to 1000"],
};
const texts: typeof numbers = {
	"cpuset-cpus": ["cpu", "cpus", "a list like 0-2,4"],
	"cpuset-mems": ["cpu", "mems", "a list like 0-2,4"],
};

const options: OptionForms = Object.fromEntries([
	["resources", { takesValue: true, alias: "r", says: "file with linux.resources as JSON; - is standard input" }],
	...Object.entries({ ...numbers, ...texts }).map(([option, [, , says]]) => [option, { takesValue: true, says }]),
]);

export const update: Command = {
	summary: "change the limits of a container",
	words: "ID",
	options,
	run(given, context) {
		const container = find(context.root, given.positional[0] ?? "");
		const status = statusOf(container);
		if (status === "stopped") throw new SwarmError("conflict", `Cannot update ${container.record.id}: it is stopped`);
		const trees = readCgroupTrees();
		const resources = resourcesOf(given);
		const devices = at(resources, "devices");
		if (!isAbsent(devices) && list(devices, object).length > 0)
			refuseUnsupported(devices, "the device list is fixed when the container is made");
		applyResources(trees, container.record.cgroups, resourceWrites(resources, versionOf(trees)));
		return 0;
	},
};

export function resourcesOf(given: Arguments): Field {
	const file = optionOf(given, "resources");
	const text = file === null ? "{}" : readFileSync(file === "-" ? 0 : file, "utf8");
	const resources: Record<string, Json> = {
		...(object({ path: "resources", value: JSON.parse(text) }).value as object),
	};
	for (const [option, [section, name]] of Object.entries({ ...numbers, ...texts })) {
		const value = optionOf(given, option);
		if (value === null) continue;
		if (numbers[option] !== undefined && !/^-?\d+$/.test(value))
			throw usage(`--${option} is ${value}, wanted a whole number`);
		resources[section] = { ...resources[section], [name]: numbers[option] === undefined ? value : Number(value) };
	}
	return { path: "resources", value: resources };
}
