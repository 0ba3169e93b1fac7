import { readFile } from "node:fs/promises";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { SwarmError } from "../../../errors.js";
import type { NodeId } from "../../../model.js";
import { describe, narrow } from "../../../node/guests/handing-on.js";
import { parseDuration } from "../../../node/spec/quantities.js";
import { BaseCommand } from "../../base-command.js";
import { labelsOf, verbsOf } from "../../capability-flags.js";

export default class CapabilityNarrow extends BaseCommand {
	static override summary = "Make a narrower capability of one that you hold, to hand it on. No node is asked.";
	static override examples = [
		"<%= config.bin %> capability narrow ./mine --verbs logs",
		"<%= config.bin %> capability narrow ./mine --labels tier=web --ttl 10m",
	];
	static override args = {
		file: Args.string({ description: "File with the capability that you hold.", required: true, ignoreStdin: true }),
	};
	static override flags = {
		verbs: Flags.string({ summary: "What is left of its verbs, with commas (default: all).", helpValue: "VERBS" }),
		labels: Flags.string({ summary: "Labels to add, NAME=VALUE with commas.", helpValue: "LABELS", default: "" }),
		ttl: Flags.string({ summary: "How long from now (default: as long as yours).", helpValue: "TIME" }),
		holder: Flags.string({ summary: "Peer id of the key it is for (default: a new key, inside).", helpValue: "PEER" }),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(CapabilityNarrow);
		const held = await readFile(args.file, "utf8").catch((cause) => {
			throw new SwarmError("usage", `Cannot read ${args.file}: ${cause.message}`, { cause });
		});
		const ttlMs = flags.ttl === undefined ? null : parseDuration(flags.ttl);
		if (flags.ttl !== undefined && (ttlMs === null || ttlMs === 0))
			throw new SwarmError("usage", `Cannot narrow: --ttl is "${flags.ttl}", wanted a time such as 10m or 168h`);
		const capability = narrow(held, {
			...(flags.verbs === undefined ? {} : { verbs: verbsOf(flags.verbs) }),
			labels: labelsOf(flags.labels),
			...(ttlMs === null ? {} : { ttlMs }),
			...(flags.holder === undefined ? {} : { holder: flags.holder as NodeId }),
		});
		const { ids, holder, expiresAtMs } = describe(capability);
		this.answer({ capability, id: ids.at(-1), holder, expiresAtMs }, () => `${capability}\n`);
	}
}
