import { describe, expect, it } from "vitest";
import Migrate from "../../../src/cli/commands/migrate.js";
import { fakeDaemon, lines } from "../fake-daemon.js";
import { n1, n2, nodeRow } from "../rows.js";
import { runCommand } from "../run.js";

const route = "POST /v1/containers/web/migrate";
const result = {
	move: "m1",
	container: "web.0",
	from: n1,
	to: n2,
	bytes: 13 * 1024 ** 2,
	imageBytes: 12 * 1024 ** 2,
	durationMs: 1234,
	downtimeMs: 84.6,
};
const progress = { step: "transfer", message: "memory", bytesDone: 1024 ** 2, bytesTotal: 2 * 1024 ** 2 };
const routes = {
	[route]: () =>
		lines({ step: "verdict", message: "all checks passed", bytesDone: null, bytesTotal: null }, progress, { result }),
	"GET /v1/nodes": () => [nodeRow("n1"), nodeRow("n2")],
};

function verdict(ok: boolean) {
	const check = {
		check: "criu",
		ok,
		source: "4.2",
		target: ok ? "4.2" : "4.1",
		reason: ok ? "same version" : "n2 has CRIU 4.1, update it",
	};
	return { container: "web.0", from: n1, to: n2, ok, checks: [check] };
}

describe("swarm migrate", () => {
	it("shows progress on standard error and one result line with bytes, duration and downtime", async () => {
		const daemon = await fakeDaemon(routes);
		const ran = await runCommand(Migrate, "migrate", ["web", "--to", "n2", "--state", daemon.stateDirectory]);
		expect(ran.stderr).toBe("verdict: all checks passed\ntransfer: memory (1 MiB of 2 MiB)\n");
		expect(ran.stdout).toBe("web.0 moved from n1 to n2: 13 MiB in 1.2 s, downtime 85 ms\n");
		expect(daemon.asked.find((asked) => asked.route === route)?.body).toEqual({ to: "n2", dryRun: false });
	});

	it("tells a step at once, more of the same step not at every chunk, and nodes by their names", async () => {
		const first = { step: "verdict", message: `asking ${n2}`, bytesDone: null, bytesTotal: null };
		const answer = lines(first, progress, { ...progress, bytesDone: 5 }, { ...progress, step: "restore" }, { result });
		const daemon = await fakeDaemon({ ...routes, [route]: () => answer });
		const ran = await runCommand(Migrate, "migrate", ["web", "--to", "n2", "--state", daemon.stateDirectory]);
		expect(ran.stderr).toBe(
			"verdict: asking n2\ntransfer: memory (1 MiB of 2 MiB)\nrestore: memory (1 MiB of 2 MiB)\n",
		);
	});

	it("gives the result as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const ran = await runCommand(Migrate, "migrate", ["web", "--to", "n2", "--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(ran.stdout)).toEqual(result);
	});

	it("passes on why a move failed", async () => {
		const error = { code: "refused", message: "Cannot move web.0: it is on n2 already", retryable: false, details: {} };
		const daemon = await fakeDaemon({ ...routes, [route]: () => lines({ error }) });
		const ran = await runCommand(Migrate, "migrate", ["web", "--to", "n2", "--state", daemon.stateDirectory]);
		expect(ran).toEqual({ stdout: "", stderr: "Cannot move web.0: it is on n2 already\n", exitCode: 5 });
	});

	it.each([
		[true, 0, ""],
		[false, 5, "Cannot move web.0: n2 has CRIU 4.1, update it\n"],
	])("prints the checks of a dry run; ok %s ends with %d", async (ok, exitCode, stderr) => {
		const daemon = await fakeDaemon({ ...routes, [route]: () => lines({ result: verdict(ok) }) });
		const ran = await runCommand(Migrate, "migrate", [
			"web",
			"--to",
			"n2",
			"--dry-run",
			"--state",
			daemon.stateDirectory,
		]);
		expect(ran.stdout).toMatch(/^CHECK +OK +SOURCE +TARGET +REASON\ncriu/);
		expect(ran).toMatchObject({ stderr, exitCode });
		expect(daemon.asked[0]?.body).toEqual({ to: "n2", dryRun: true });
	});

	it("needs a target", async () => {
		const ran = await runCommand(Migrate, "migrate", ["web"]);
		expect(ran.stderr).toBe("Cannot run `swarm migrate`: --to is missing, see `swarm migrate --help`\n");
		expect(ran.exitCode).toBe(2);
	});
});
