import { describe, expect, it } from "vitest";
import Logs from "../../../src/cli/commands/logs.js";
import { fakeDaemon, lines } from "../fake-daemon.js";
import { runCommand } from "../run.js";

const written = [
	{ timeMs: 0, stream: "stdout", text: "one", partial: false },
	{ timeMs: 1000, stream: "stderr", text: "long ", partial: true },
	{ timeMs: 1000, stream: "stderr", text: "line", partial: false },
];
const routes = { "GET /v1/containers/web/logs": () => lines(...written) };

describe("swarm logs", () => {
	it("prints both streams in order and joins the parts of a long line", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(Logs, "logs", ["web", "--state", daemon.stateDirectory]);
		expect(stdout).toBe("one\nlong line\n");
		expect(daemon.asked[0]?.query).toEqual({});
	});

	it("asks for what was typed", async () => {
		const daemon = await fakeDaemon(routes);
		await runCommand(Logs, "logs", ["web", "-f", "--tail", "5", "--stderr", "--state", daemon.stateDirectory]);
		expect(daemon.asked[0]?.query).toEqual({ follow: "1", tail: "5", stream: "stderr" });
	});

	it("asks from a moment on", async () => {
		const daemon = await fakeDaemon(routes);
		await runCommand(Logs, "logs", ["web", "--since", "2026-01-31T12:00:00Z", "--state", daemon.stateDirectory]);
		expect(daemon.asked[0]?.query).toEqual({ since: String(Date.UTC(2026, 0, 31, 12)) });
		const ran = await runCommand(Logs, "logs", ["web", "--since", "soon", "--state", daemon.stateDirectory]);
		expect(ran).toMatchObject({ exitCode: 2 });
		expect(ran.stderr).toContain('Cannot read --since: it is "soon"');
	});

	it("puts the time before lines, not before their parts", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(Logs, "logs", ["web", "-t", "--state", daemon.stateDirectory]);
		expect(stdout).toBe("1970-01-01T00:00:00.000Z one\n1970-01-01T00:00:01.000Z long line\n");
	});

	it("prints one JSON value a line", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(Logs, "logs", ["web", "--json", "--state", daemon.stateDirectory]);
		expect(
			stdout
				.trimEnd()
				.split("\n")
				.map((line) => JSON.parse(line)),
		).toEqual(written);
	});

	it("refuses a tail that is no number", async () => {
		const ran = await runCommand(Logs, "logs", ["web", "--tail", "x"]);
		expect(ran).toMatchObject({ stdout: "", exitCode: 2 });
	});
});
