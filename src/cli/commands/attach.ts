import * as Flags from "@oclif/core/flags";
import { SwarmError } from "../../errors.js";
import { containerArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { detachKeys, onOwnResize, ownSize, withRawTerminal } from "../terminal.js";

export default class Attach extends NodeCommand {
	static override summary = "Follow a running container's own output, and type into it, wherever it runs.";
	static override description =
		"Output from now on; `swarm logs` has what came before. Input reaches a container deployed with -i, its end ends the container's input, and a terminal of its own (-t) gets this one's size. Ctrl-P Ctrl-Q detaches, and so does Ctrl-C without a terminal of its own: the container goes on. Several may be attached. The exit code is the container's, 0 after detaching.";
	static override examples = [
		"<%= config.bin %> attach shell",
		"echo 'select 1' | <%= config.bin %> attach console.0",
		"<%= config.bin %> attach web --no-stdin",
	];
	static override args = { container: containerArgument() };
	static override flags = {
		"no-stdin": Flags.boolean({ summary: "Only look: standard input stays here.", default: false }),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Attach);
		const client = this.client(flags);
		const { container, spec } = await client.inspect(args.container);
		const { stdin, terminal } = spec.spec;
		const types = stdin && !flags["no-stdin"];
		const raw = types && terminal && process.stdin.isTTY;
		const detach = new AbortController();
		// Standard output as it is would be turned into our own terminal's by a raw one.
		const streams = {
			stdin: types ? (raw ? process.stdin.pipe(detachKeys(() => detach.abort())) : process.stdin) : null,
			onResize: terminal && types ? withOwnSizeNow : null,
			onStdout: (bytes: Uint8Array) => void process.stdout.write(bytes),
			onStderr: (bytes: Uint8Array) => void process.stderr.write(bytes),
		};
		const work = async () => {
			try {
				return await client.attach(container, streams, detach.signal);
			} catch (thrown) {
				if (detach.signal.aborted) return 0;
				throw thrown instanceof SwarmError ? thrown : new SwarmError("failed", String(thrown), { cause: thrown });
			}
		};
		process.exitCode = raw ? await withRawTerminal(work) : await work();
	}
}

/** The container's terminal takes the size of this one at once, and follows it. */
function withOwnSizeNow(listener: Parameters<typeof onOwnResize>[0]): () => void {
	if (process.stdout.isTTY) listener(ownSize());
	return onOwnResize(listener);
}
