import * as Flags from "@oclif/core/flags";
import { SwarmError } from "../../errors.js";
import { containerArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { pairsOf } from "../flag-values.js";

export default class Exec extends NodeCommand {
	static override summary = "Run a command inside a running container, wherever that is.";
	static override description =
		"Standard input, output and error are passed through; the exit code is the command's: 126 when it cannot be executed, 127 when it does not exist, 128 + n when signal n ended it. --json changes nothing but the form of errors.";
	static override usage = "exec CONTAINER [FLAGS] -- COMMAND...";
	static override examples = [
		"<%= config.bin %> exec web -- cat /etc/os-release",
		"<%= config.bin %> exec redis.0 --env LANG=C -- redis-cli ping",
	];
	static override args = { container: containerArgument() };
	static override flags = {
		env: Flags.string({
			char: "e",
			summary: "Variable added to the container's environment. May be given several times.",
			helpValue: "KEY=VALUE",
			multiple: true,
			multipleNonGreedy: true,
		}),
		user: Flags.string({ char: "u", summary: "User inside (default: the container's).", helpValue: "USER" }),
		workdir: Flags.string({ summary: "Working directory inside (default: the container's).", helpValue: "PATH" }),
		"no-stdin": Flags.boolean({ summary: "Give the command an empty standard input.", default: false }),
	};

	async run(): Promise<void> {
		const { own, command } = this.splitAtDashes();
		const { args, flags } = await this.parse(Exec, own);
		if (command === null || command.length === 0) {
			throw new SwarmError("usage", "Cannot exec: no command was given, wanted it after --: swarm exec web -- ls");
		}
		const request = {
			command,
			env: pairsOf("--env", flags.env ?? []),
			workdir: flags.workdir ?? null,
			user: flags.user ?? null,
			stdin: !flags["no-stdin"],
			terminal: null,
			timeoutMs: null,
			detach: false,
		};
		const streams = {
			stdin: flags["no-stdin"] ? null : process.stdin,
			onResize: null,
			onStdout: (bytes: Uint8Array) => void process.stdout.write(bytes),
			onStderr: (bytes: Uint8Array) => void process.stderr.write(bytes),
		};
		process.exitCode = await this.client(flags).exec(args.container, request, streams, this.signal);
	}
}
