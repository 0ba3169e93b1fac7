import { readFile } from "node:fs/promises";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { exitCodeOf, SwarmError } from "../../errors.js";
import type { Spec } from "../../model.js";
import type { ContainerRow } from "../../node/api/contract.js";
import { validateSpec } from "../../node/spec/validate-spec.js";
import { NodeCommand } from "../base-command.js";
import { containerTable } from "../container-table.js";
import { fieldsFromFlags, type GivenSpecFlags, specFlags } from "../spec-flags.js";

export default class Deploy extends NodeCommand {
	static override summary = "Run a workload somewhere in the cluster, from flags or from a YAML file.";
	static override description =
		"Waits until every replica runs, has ended or cannot be placed. What stands after -- replaces the image's own command. Flags win over the file.";
	static override aliases = ["node:deploy"];
	static override usage = [
		"deploy NAME [--image IMAGE] [FLAGS] [-- COMMAND...]",
		"deploy -f FILE [NAME] [FLAGS] [-- COMMAND...]",
	];
	static override examples = [
		"<%= config.bin %> deploy web --image host --memory 256M --publish 8080:80 -- busybox httpd -f -p 80",
		"<%= config.bin %> deploy -f web.yaml --replicas 2",
	];
	static override args = {
		name: Args.string({ description: "Name of the workload: a-z, 0-9 and '-', at most 63.", ignoreStdin: true }),
	};
	static override flags = {
		file: Flags.string({ char: "f", summary: "Spec as YAML or JSON; - reads standard input.", helpValue: "FILE" }),
		...specFlags,
	};

	async run(): Promise<void> {
		const { own, command } = this.splitAtDashes();
		const { args, flags } = await this.parse(Deploy, own);
		const fields: Readonly<Record<string, unknown>> = {
			...(args.name === undefined ? {} : { name: args.name }),
			...fieldsFromFlags(flags),
			...(command === null ? {} : { command }),
		};
		const result = await this.client(flags).deploy(await specOf(flags.file ?? null, fields, flags));
		this.answer(result, () => containerTable(result.containers, Date.now()));
		for (const note of result.notes) this.progress(note);
		this.judge(result.containers);
	}

	/** The answer stands; what did not come to run decides the exit code. */
	private judge(rows: readonly ContainerRow[]): void {
		const pending = rows.find((row) => row.phase === "pending");
		const failed = rows.find((row) => row.phase === "failed");
		if (pending) {
			process.exitCode = exitCodeOf.refused;
			this.progress(
				`Cannot place ${pending.container}: ${pending.error ?? `see \`swarm explain ${pending.workload}\``}`,
			);
		} else if (failed) {
			process.exitCode = exitCodeOf.failed;
			this.progress(`Cannot run ${failed.container}: ${failed.error ?? `see \`swarm logs ${failed.container}\``}`);
		}
	}
}

async function specOf(
	file: string | null,
	fields: Readonly<Record<string, unknown>>,
	flags: GivenSpecFlags,
): Promise<Spec> {
	if (file === null) return validateSpec(fields);
	const { parseSpec } = await import("../../node/spec/parse-spec.js");
	const spec = parseSpec(await textOf(file), flags.isolation ?? null);
	const resources = { ...spec.resources, ...(fields.resources as object | undefined) };
	const { stopGraceMs, logBytesMax, ...rest } = spec;
	const logs = flags["log-size"] === undefined ? { logBytesMax } : {};
	const grace = flags["stop-grace"] === undefined ? { stopGraceMs } : {};
	const security = { ...spec.security, ...(fields.security as object | undefined) };
	const health = fields.health === undefined ? spec.health : { ...spec.health, ...(fields.health as object) };
	return validateSpec({ ...rest, ...grace, ...logs, ...fields, resources, security, health });
}

async function textOf(file: string): Promise<string> {
	try {
		return await readFile(file === "-" ? "/dev/stdin" : file, "utf8");
	} catch (thrown) {
		const reason =
			(thrown as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : (thrown as Error).message;
		throw new SwarmError("usage", `Cannot read the spec ${file}: ${reason}, wanted a YAML file`, { cause: thrown });
	}
}
