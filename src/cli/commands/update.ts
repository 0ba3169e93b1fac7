import { SwarmError } from "../../errors.js";
import { workloadArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { containerTable } from "../container-table.js";
import { resourceFlags, resourcesFromFlags } from "../spec-flags.js";

export default class Update extends NodeCommand {
	static override summary = "Change the limits of a workload while it runs: nothing is started again.";
	static override description =
		"What is not given stays as it is; none lifts a limit. When one container cannot have a limit (memory below what it uses), none gets any of them.";
	static override usage = ["update WORKLOAD FLAGS"];
	static override examples = [
		"<%= config.bin %> update web --cpus 0.5 --memory 512M",
		"<%= config.bin %> update web --cpuset-cpus 0-1 --pids none",
	];
	static override args = { workload: workloadArgument() };
	static override flags = resourceFlags;

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Update);
		const change = withoutNone(resourcesFromFlags(flags));
		if (Object.keys(change).length === 0)
			throw new SwarmError(
				"usage",
				`Cannot update ${args.workload}: no limit is given, wanted one such as --memory 256M`,
			);
		const rows = await this.client(flags).update(args.workload, change);
		this.answer(rows, () => containerTable(rows, Date.now()));
	}
}

function withoutNone(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
	const isNone = (value: unknown) => value === "none" || (Array.isArray(value) && value.join() === "none");
	return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, isNone(value) ? null : value]));
}
