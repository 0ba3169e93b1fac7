import * as Flags from "@oclif/core/flags";
import { SwarmError } from "../../../errors.js";
import { parseDuration } from "../../../node/spec/quantities.js";
import { NodeCommand } from "../../base-command.js";
import { timeInWords } from "../../print.js";

export default class NodeToken extends NodeCommand {
	static override summary = "Make a token with which other machines join, and print the join line.";
	static override examples = ["<%= config.bin %> node token", "<%= config.bin %> node token --ttl 10m --uses 3"];
	static override flags = {
		ttl: Flags.string({ summary: "How long it is valid: 30s, 10m, 1h.", helpValue: "TIME", default: "1h" }),
		uses: Flags.integer({ summary: "How many nodes may join with it.", helpValue: "COUNT", default: 1, min: 1 }),
	};

	async run(): Promise<void> {
		const { flags } = await this.parse(NodeToken);
		const ttlMs = parseDuration(flags.ttl);
		if (ttlMs === null || ttlMs === 0) {
			throw new SwarmError("usage", `Cannot make a token: --ttl is "${flags.ttl}", wanted a time such as 10m or 1h`);
		}
		const line = await this.client(flags).createToken({ ttlMs, uses: flags.uses });
		this.answer(line, () => `${line.command}\n`);
		if (!this.json)
			this.progress(
				`valid until ${timeInWords(line.expiresAtMs)} for ${flags.uses} ${flags.uses === 1 ? "node" : "nodes"}`,
			);
	}
}
