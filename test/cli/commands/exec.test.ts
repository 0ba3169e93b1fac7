import { Readable } from "node:stream";
import { afterEach, describe, expect, it, vi } from "vitest";
import Exec from "../../../src/cli/commands/exec.js";
import { fakeDaemon, frames } from "../fake-daemon.js";
import { runCommand } from "../run.js";

const route = "POST /v1/containers/web/exec";
const answer = () =>
	frames(
		{ kind: "stdout", bytes: Buffer.from("out\u001b[1m") },
		{ kind: "stderr", bytes: Buffer.from("err") },
		{ kind: "exit", exitCode: 42 },
	);

function typeInto(text: string): void {
	vi.spyOn(process, "stdin", "get").mockReturnValue(Readable.from([Buffer.from(text)]) as never);
}

afterEach(() => {
	vi.restoreAllMocks();
});

describe("swarm exec", () => {
	it("passes output, standard input and the exit code through unchanged", async () => {
		typeInto("typed");
		const daemon = await fakeDaemon({ [route]: answer });
		const argv = [
			"web",
			"-i",
			"-e",
			"A=1",
			"--timeout",
			"1.5s",
			"--workdir",
			"/tmp",
			"--state",
			daemon.stateDirectory,
			"--",
			"ls",
			"--help",
		];
		const ran = await runCommand(Exec, "exec", argv);
		expect(ran).toEqual({ stdout: "out\u001b[1m", stderr: "err", exitCode: 42 });
		expect(daemon.asked[0]?.body).toBe("\u0010\0\0\0\u0005typed");
		expect(JSON.parse(daemon.asked[0]?.query.request ?? "")).toEqual({
			command: ["ls", "--help"],
			env: { A: "1" },
			workdir: "/tmp",
			user: null,
			stdin: true,
			terminal: null,
			timeoutMs: 1_500,
			detach: false,
		});
	});

	it("reads nothing of standard input without -i", async () => {
		typeInto("typed");
		const daemon = await fakeDaemon({ [route]: answer });
		await runCommand(Exec, "exec", ["web", "--state", daemon.stateDirectory, "--", "cat"]);
		expect(daemon.asked[0]?.body).toBeNull();
		expect(JSON.parse(daemon.asked[0]?.query.request ?? "")).toMatchObject({ stdin: false, terminal: null });
	});

	it.each([
		[["-it"], "--tty with --interactive needs a terminal as standard input, it is none; leave one of them out"],
		[["--timeout", "soon"], '--timeout is "soon", wanted a duration such as 30s'],
	])("refuses %j here", async (flags, reason) => {
		typeInto("");
		const ran = await runCommand(Exec, "exec", ["web", ...flags, "--", "sh"]);
		expect(ran).toEqual({ stdout: "", stderr: `Cannot exec: ${reason}\n`, exitCode: 2 });
	});

	it.each([[["web"]], [["web", "--"]]])("asks for a command when %j has none", async (argv) => {
		const ran = await runCommand(Exec, "exec", argv);
		expect(ran.stderr).toBe("Cannot exec: no command was given, wanted it after --: swarm exec web -- ls\n");
		expect(ran.exitCode).toBe(2);
	});

	it("reports an error of the other side in one line", async () => {
		const error = {
			code: "not-found" as const,
			message: "Cannot exec: web does not run",
			retryable: false,
			details: {},
		};
		const daemon = await fakeDaemon({ [route]: () => frames({ kind: "error", error }) });
		const argv = ["web", "--state", daemon.stateDirectory, "--", "ls"];
		expect(await runCommand(Exec, "exec", argv)).toEqual({
			stdout: "",
			stderr: "Cannot exec: web does not run\n",
			exitCode: 4,
		});
	});
});
