import { Readable } from "node:stream";
import { afterEach, describe, expect, it, vi } from "vitest";
import Attach from "../../../src/cli/commands/attach.js";
import { fakeDaemon, frames } from "../fake-daemon.js";
import { containerDetail } from "../rows.js";
import { runCommand } from "../run.js";

const route = "POST /v1/containers/web.0/attach";
const answer = () =>
	frames(
		{ kind: "stdout", bytes: Buffer.from("out") },
		{ kind: "stderr", bytes: Buffer.from("err") },
		{ kind: "exit", exitCode: 7 },
	);

function detail(stdin: boolean) {
	const { spec, ...rest } = containerDetail();
	return { ...rest, spec: { ...spec, spec: { ...spec.spec, stdin } } };
}

afterEach(() => {
	vi.restoreAllMocks();
});

describe("swarm attach", () => {
	it("passes output and exit code on, and types into a container that takes input", async () => {
		vi.spyOn(process, "stdin", "get").mockReturnValue(Readable.from([Buffer.from("typed")]) as never);
		const daemon = await fakeDaemon({ "GET /v1/containers/web": () => detail(true), [route]: answer });
		const ran = await runCommand(Attach, "attach", ["web", "--state", daemon.stateDirectory]);
		expect(ran).toEqual({ stdout: "out", stderr: "err", exitCode: 7 });
		expect(daemon.asked[1]).toMatchObject({ query: { stdin: "1" }, body: "\u0010\0\0\0\u0005typed" });
	});

	it.each([
		["that takes none", detail(false), []],
		["with --no-stdin", detail(true), ["--no-stdin"]],
	])("keeps standard input to itself for a container %s", async (_, shown, flags) => {
		const daemon = await fakeDaemon({ "GET /v1/containers/web": () => shown, [route]: answer });
		const ran = await runCommand(Attach, "attach", ["web", ...flags, "--state", daemon.stateDirectory]);
		expect(ran.exitCode).toBe(7);
		expect(daemon.asked[1]).toMatchObject({ query: {}, body: null });
	});

	it("needs to know which container", async () => {
		const ran = await runCommand(Attach, "attach", []);
		expect(ran.stderr).toContain("CONTAINER is missing");
		expect(ran.exitCode).toBe(2);
	});
});
