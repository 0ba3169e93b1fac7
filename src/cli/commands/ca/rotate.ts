import * as Flags from "@oclif/core/flags";
import { NodeCommand } from "../../base-command.js";
import { durationOf } from "../../flag-values.js";
import { oneLine, timeInWords } from "../../print.js";

export default class CaRotate extends NodeCommand {
	static override summary = "Give the cluster a new key; every node gets a certificate under it by itself.";
	static override description =
		"The old key is accepted meanwhile: a node that is down can come back until then, and has to join again afterwards. After `swarm node forget` of a machine that somebody took over, rotate with a short grace: the old key is on it.";
	static override examples = [
		"<%= config.bin %> ca rotate",
		"<%= config.bin %> ca rotate --grace 1m",
		"<%= config.bin %> ca rotate --json",
	];
	static override flags = {
		grace: Flags.string({
			summary: "How long certificates of the old key are accepted, 1m to 30d.",
			helpValue: "TIME",
			default: "7d",
		}),
	};

	async run(): Promise<void> {
		const { flags } = await this.parse(CaRotate);
		const change = await this.client(flags).rotateAuthority(durationOf("rotate", "--grace", flags.grace));
		this.answer(
			change,
			() =>
				`${oneLine(change.fingerprint)} signs from now on, the old key counts until ${timeInWords(change.oldUntilMs)}\n`,
		);
	}
}
