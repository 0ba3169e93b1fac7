import * as Flags from "@oclif/core/flags";
import { SwarmError } from "../../errors.js";
import { parseDuration } from "../../node/spec/quantities.js";
import type { ExecRequest } from "../../runtime/runtime.js";
import { containerArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { pairsOf } from "../flag-values.js";
import { onOwnResize, ownSize, requireTerminal, withRawTerminal } from "../terminal.js";

export default class Exec extends NodeCommand {
	static override summary = "Run a command inside a running container, wherever that is.";
	static override description =
		"Output and error are passed through, standard input with -i. The exit code is the command's: 124 when it took longer than --timeout, 126 when it cannot be executed, 127 when it does not exist, 128 + n when signal n ended it. A command ends with its caller unless it is detached. --json changes nothing but the form of errors.";
	static override usage = "exec CONTAINER [FLAGS] -- COMMAND...";
	static override examples = [
		"<%= config.bin %> exec web -- cat /etc/os-release",
		"<%= config.bin %> exec -it web -- /bin/sh",
		"<%= config.bin %> exec redis.0 --env LANG=C --timeout 5s -- redis-cli ping",
	];
	static override args = { container: containerArgument() };
	static override flags = {
		interactive: Flags.boolean({ char: "i", summary: "Pass standard input to the command.", default: false }),
		tty: Flags.boolean({
			char: "t",
			summary: "Give it a terminal, of this one's size; errors are then part of the output.",
			default: false,
		}),
		detach: Flags.boolean({
			char: "d",
			summary: "Leave it running in the background, without input and output.",
			default: false,
		}),
		timeout: Flags.string({
			summary: "Kill it, and all that it started in its session, after this long, such as 30s or 500ms.",
			helpValue: "TIME",
		}),
		env: Flags.string({
			char: "e",
			summary: "Variable added to the container's environment. May be given several times.",
			helpValue: "KEY=VALUE",
			multiple: true,
			multipleNonGreedy: true,
		}),
		user: Flags.string({ char: "u", summary: "User inside (default: the container's).", helpValue: "USER" }),
		workdir: Flags.string({
			char: "w",
			summary: "Working directory inside (default: the container's).",
			helpValue: "PATH",
		}),
	};

	async run(): Promise<void> {
		const { own, command } = this.splitAtDashes();
		const { args, flags } = await this.parse(Exec, own);
		if (command === null || command.length === 0) {
			throw new SwarmError("usage", "Cannot exec: no command was given, wanted it after --: swarm exec web -- ls");
		}
		const request: ExecRequest = {
			command,
			env: pairsOf("--env", flags.env ?? []),
			workdir: flags.workdir ?? null,
			user: flags.user ?? null,
			stdin: flags.interactive,
			terminal: flags.tty ? ownSize() : null,
			timeoutMs: timeoutOf(flags.timeout),
			detach: flags.detach,
		};
		const streams = {
			stdin: flags.interactive ? process.stdin : null,
			onResize: flags.tty ? onOwnResize : null,
			onStdout: (bytes: Uint8Array) => void process.stdout.write(bytes),
			onStderr: (bytes: Uint8Array) => void process.stderr.write(bytes),
		};
		const work = () => this.client(flags).exec(args.container, request, streams, this.signal);
		if (!flags.tty || !flags.interactive) process.exitCode = await work();
		else {
			requireTerminal("exec");
			process.exitCode = await withRawTerminal(work);
		}
	}
}

function timeoutOf(text: string | undefined): number | null {
	if (text === undefined) return null;
	const ms = parseDuration(text);
	if (ms !== null && ms >= 1) return ms;
	throw new SwarmError("usage", `Cannot exec: --timeout is "${text}", wanted a duration such as 30s`);
}
