// What all commands share: --json, one answer on standard output, progress on standard error, failures as one line.
// Commands parse, make one client call and print; they decide nothing.

import { Command } from "@oclif/core/command";
import * as Flags from "@oclif/core/flags";
import type { Client } from "../node/api/client.js";
import { connectLocal, DEFAULT_STATE_DIRECTORY, stateDirectoryOf } from "../node/api/client.js";
import { jsonWanted, report } from "./failure.js";
import { oneLine } from "./print.js";

export abstract class BaseCommand extends Command {
	static override baseFlags = {
		json: Flags.boolean({ summary: "Answer as JSON, with the names of the model.", default: false }),
	};

	/** For calls that only the end of this process interrupts. */
	protected readonly signal: AbortSignal = new AbortController().signal;

	/** The answer: JSON with --json, else the text. */
	protected answer(value: unknown, text: () => string): void {
		process.stdout.write(this.json ? `${JSON.stringify(value, null, 2)}\n` : text());
	}

	/** One piece of an answer that goes on: a line of JSON with --json, else the text. */
	protected answerLine(value: unknown, text: () => string): void {
		process.stdout.write(this.json ? `${JSON.stringify(value)}\n` : text());
	}

	protected progress(message: string): void {
		process.stderr.write(`${oneLine(message)}\n`);
	}

	protected get json(): boolean {
		return jsonWanted(this.argv);
	}

	/** Arguments before the first `--` and the command line after it; null without a `--`. */
	protected splitAtDashes(): { readonly own: string[]; readonly command: readonly string[] | null } {
		const end = this.argv.indexOf("--");
		return end < 0
			? { own: this.argv, command: null }
			: { own: this.argv.slice(0, end), command: this.argv.slice(end + 1) };
	}

	protected override async catch(thrown: Error): Promise<void> {
		const command = (this.id ?? "").replaceAll(":", " ");
		process.exitCode = report(thrown, { command, argv: this.argv, json: this.json });
	}
}

/** A command that talks to the daemon of a state directory. */
export abstract class NodeCommand extends BaseCommand {
	static override baseFlags = {
		...BaseCommand.baseFlags,
		state: Flags.string({
			summary: `State directory of the node to talk to (SWARM_STATE, default ${DEFAULT_STATE_DIRECTORY}).`,
			helpValue: "DIR",
		}),
	};

	protected client(flags: { readonly state?: string | undefined }): Client {
		return connectLocal(stateDirectoryOf(flags.state ?? null));
	}
}
