import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import Export from "../../../src/cli/commands/export.js";
import { fakeDaemon } from "../fake-daemon.js";
import { runCommand } from "../run.js";

function directory(): string {
	const made = mkdtempSync(join(tmpdir(), "swarm-export-"));
	onTestFinished(() => rmSync(made, { recursive: true }));
	return made;
}

it("swarm export writes the archive to a file, or to standard output", async () => {
	const daemon = await fakeDaemon({ "GET /v1/containers/web/state": () => Buffer.from("a tar") });
	const file = join(directory(), "web.tar");
	const ran = await runCommand(Export, "export", ["web", file, "--json", "--state", daemon.stateDirectory]);
	expect(JSON.parse(ran.stdout)).toEqual({ container: "web", file, bytes: 5 });
	expect(readFileSync(file, "utf8")).toBe("a tar");
	const { stdout } = await runCommand(Export, "export", ["web", "-", "--state", daemon.stateDirectory]);
	expect(stdout).toBe("a tar");
});

it("swarm export leaves nothing behind when there is no such container", async () => {
	const daemon = await fakeDaemon({});
	const file = join(directory(), "x.tar");
	const ran = await runCommand(Export, "export", ["none", file, "--state", daemon.stateDirectory]);
	expect(ran.exitCode).toBe(4);
	expect(existsSync(file) || existsSync(`${file}.new`)).toBe(false);
});
