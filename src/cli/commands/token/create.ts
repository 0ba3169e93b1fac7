import * as Flags from "@oclif/core/flags";
import type { NodeRole } from "../../../model.js";
import { NodeCommand } from "../../base-command.js";
import { durationOf } from "../../flag-values.js";
import { timeInWords } from "../../print.js";

export default class TokenCreate extends NodeCommand {
	static override summary = "Make a token with which other machines join, and print the join line.";
	static override description =
		"The token is in the join line alone, nobody keeps it. Every member takes it; uses are counted by the node that made it while that one answers.";
	static override examples = [
		"<%= config.bin %> token create",
		"<%= config.bin %> token create --ttl 10m --uses 3",
		"<%= config.bin %> token create --role reader",
	];
	static override flags = {
		ttl: Flags.string({ summary: "How long it is valid: 30s, 10m, 1h, up to 30d.", helpValue: "TIME", default: "1h" }),
		uses: Flags.integer({ summary: "How many nodes may join with it.", helpValue: "COUNT", default: 1, min: 1 }),
		role: Flags.option({
			summary:
				"What it makes of them: member (runs and votes), witness (votes, runs nothing) or reader (sees the state, writes nothing).",
			options: ["member", "witness", "reader"] as const satisfies readonly NodeRole[],
			default: "member" as const,
		})(),
	};

	async run(): Promise<void> {
		const { flags } = await this.parse(TokenCreate);
		const { uses, role } = flags;
		const ttlMs = durationOf("make a token", "--ttl", flags.ttl);
		const line = await this.client(flags).createToken({ ttlMs, uses, role });
		this.answer(line, () => `${line.command}\n`);
		if (this.json) return;
		const nodes = uses === 1 ? "node" : "nodes";
		this.progress(`token ${line.id}, valid until ${timeInWords(line.expiresAtMs)} for ${uses} ${nodes} as ${role}`);
	}
}
