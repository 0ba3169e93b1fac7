import * as Args from "@oclif/core/args";
import { SwarmError } from "../../errors.js";
import type { Client } from "../../node/api/client.js";
import { packTar, unpackTar } from "../../runtime/tar-archive.js";
import { NodeCommand } from "../base-command.js";
import { type CopyEnd, copyEndOf, localSource, localTarget } from "../copy-ends.js";
import { bytesInWords } from "../print.js";

type ContainerEnd = Extract<CopyEnd, { kind: "container" }>;

export default class Cp extends NodeCommand {
	static override summary =
		"Copy files and directories out of a running container or into it, on whatever node it runs.";
	static override description =
		"One end is NAME:PATH, the other a local path or - (a tar archive on standard output or input). Copies lie as cp would have them: below a directory that is there, else under the given name; DIR/. is what is in it. Links of the container lead nowhere but inside it. In the container they belong to its root.";
	static override examples = [
		"<%= config.bin %> cp web:/etc/hosts ./hosts",
		"<%= config.bin %> cp ./site web:/srv/www",
		"<%= config.bin %> cp web:/var/log - | tar -t",
	];
	static override args = {
		source: Args.string({
			description: "NAME:PATH, a local path, or - for an archive.",
			required: true,
			ignoreStdin: true,
		}),
		target: Args.string({
			description: "NAME:PATH, a local path, or - for an archive.",
			required: true,
			ignoreStdin: true,
		}),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Cp);
		const [source, target] = [copyEndOf(args.source), copyEndOf(args.target)];
		const client = this.client(flags);
		if (source.kind === "container" && target.kind === "stream") return this.stream(client, source);
		const bytes = await this.copy(client, source, target);
		this.answer({ source: args.source, target: args.target, bytes }, () =>
			bytes === null ? "" : `${bytesInWords(bytes)} copied\n`,
		);
	}

	/** The bytes that came; null where they went. */
	private async copy(client: Client, source: CopyEnd, target: CopyEnd): Promise<number | null> {
		if (source.kind === "container" && target.kind === "local") {
			const { directory, name } = localTarget(target.path, source.path);
			return unpackTar(directory, await client.readFiles(source.ref, source.path, name, this.signal));
		}
		if (source.kind === "local" && target.kind === "container") {
			const { directory, name, how } = localSource(source.path);
			const { tar, ended } = packTar(directory, [name]);
			await client.writeFiles(target.ref, target.path, how, tar, this.signal);
			await ended;
			return null;
		}
		if (source.kind === "stream" && target.kind === "container") {
			await client.writeFiles(target.ref, target.path, "into", process.stdin, this.signal);
			return null;
		}
		throw new SwarmError(
			"usage",
			"Cannot copy: one end is to be NAME:PATH of a container, the other a local path or -",
		);
	}

	private async stream(client: Client, { ref, path }: ContainerEnd): Promise<void> {
		if (this.json)
			throw new SwarmError("usage", "Cannot copy: an archive on standard output leaves no place for --json");
		const name =
			path
				.split("/")
				.filter((part) => part !== "" && part !== ".")
				.at(-1) ?? ".";
		for await (const part of await client.readFiles(ref, path, name, this.signal))
			if (!process.stdout.write(part)) await new Promise((resolve) => process.stdout.once("drain", resolve));
	}
}
