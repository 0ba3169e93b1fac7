import * as Args from "@oclif/core/args";
import { NodeCommand } from "../../base-command.js";

export default class CapabilityRevoke extends NodeCommand {
	static override summary = "Take a capability back, with all that its holders handed on.";
	static override examples = [
		"<%= config.bin %> capability revoke 5f0c",
		"<%= config.bin %> capability revoke 5f0c2b7e9d1a4c3f8e6b0a9d7c5e3f10 --json",
	];
	static override args = {
		id: Args.string({
			description: "As `capability ls` shows it, or the beginning; of a handed on one, whole.",
			required: true,
			ignoreStdin: true,
		}),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(CapabilityRevoke);
		await this.client(flags).revokeCapability(args.id);
		this.answer({ revoked: args.id }, () => `${args.id} is revoked\n`);
	}
}
