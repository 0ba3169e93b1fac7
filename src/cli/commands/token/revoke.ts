import * as Args from "@oclif/core/args";
import { NodeCommand } from "../../base-command.js";
import { oneLine } from "../../print.js";

export default class TokenRevoke extends NodeCommand {
	static override summary = "Withdraw a join token: nobody can join with it any more.";
	static override description = "Nodes that joined with it stay; `swarm node forget` shuts one out.";
	static override examples = [
		"<%= config.bin %> token revoke 5f0c1d22a0b3c4d5",
		"<%= config.bin %> token revoke 5f0c --json",
	];
	static override args = {
		token: Args.string({
			description: "As `swarm token ls` prints it, or the beginning of it.",
			required: true,
			ignoreStdin: true,
		}),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(TokenRevoke);
		const { id } = await this.client(flags).revokeToken(args.token);
		this.answer({ revoked: id }, () => `${oneLine(id)} revoked\n`);
	}
}
