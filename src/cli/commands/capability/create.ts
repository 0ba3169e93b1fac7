import * as Flags from "@oclif/core/flags";
import { SwarmError } from "../../../errors.js";
import { type NodeId, type Verb, verbs } from "../../../model.js";
import { parseDuration } from "../../../node/spec/quantities.js";
import { NodeCommand } from "../../base-command.js";
import { labelsOf, verbsOf } from "../../capability-flags.js";
import { timeInWords } from "../../print.js";

export default class CapabilityCreate extends NodeCommand {
	static override summary = "Make a capability, with which a program may call the mesh API, and print it.";
	static override description =
		`Verbs: ${verbs.join(", ")}. Without --holder it contains a key of its own: whoever has the text can use it.`;
	static override examples = [
		"<%= config.bin %> capability create --verbs list,logs,exec --labels team=a --ttl 1h",
		"<%= config.bin %> capability create --verbs list,watch --ttl 168h --holder 12D3KooW… --note dashboard",
	];
	static override flags = {
		verbs: Flags.string({
			summary: "What it allows, with commas; `all` for everything.",
			helpValue: "VERBS",
			required: true,
		}),
		labels: Flags.string({
			summary: "Only workloads with these labels, NAME=VALUE with commas (default: every workload).",
			helpValue: "LABELS",
			default: "",
		}),
		ttl: Flags.string({
			summary: "How long it is valid: 10m, 1h, 168h; 2160h at most.",
			helpValue: "TIME",
			default: "1h",
		}),
		holder: Flags.string({ summary: "Peer id of the key it is for (default: a new key, inside).", helpValue: "PEER" }),
		note: Flags.string({ summary: "What it is for, for `capability ls`.", helpValue: "TEXT", default: "" }),
	};

	async run(): Promise<void> {
		const { flags } = await this.parse(CapabilityCreate);
		const ttlMs = parseDuration(flags.ttl);
		if (ttlMs === null || ttlMs === 0)
			throw new SwarmError(
				"usage",
				`Cannot make a capability: --ttl is "${flags.ttl}", wanted a time such as 10m or 168h`,
			);
		const granted: readonly Verb[] = verbsOf(flags.verbs);
		const holder = (flags.holder ?? null) as NodeId | null;
		const request = { verbs: granted, labels: labelsOf(flags.labels), ttlMs, holder, note: flags.note };
		const made = await this.client(flags).createCapability(request);
		this.answer(made, () => `${made.capability}\n`);
		if (!this.json) this.progress(`capability ${made.id}, valid until ${timeInWords(made.expiresAtMs)}`);
	}
}
