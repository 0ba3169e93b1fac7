import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import ImageExport from "../../../../src/cli/commands/image/export.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

function directory(): string {
	const made = mkdtempSync(join(tmpdir(), "swarm-export-"));
	onTestFinished(() => rmSync(made, { recursive: true }));
	return made;
}

it("swarm image export writes the archive to a file, or to standard output", async () => {
	const daemon = await fakeDaemon({ "GET /v1/images/redis:7/archive": () => Buffer.from("a tar") });
	const file = join(directory(), "redis.tar");
	const ran = await runCommand(ImageExport, "image:export", ["redis:7", file, "--state", daemon.stateDirectory]);
	expect(ran).toMatchObject({ exitCode: 0, stdout: `${file}: 5 B\n` });
	expect(readFileSync(file, "utf8")).toBe("a tar");
	const { stdout } = await runCommand(ImageExport, "image:export", ["redis:7", "-", "--state", daemon.stateDirectory]);
	expect(stdout).toBe("a tar");
});

it("swarm image export leaves nothing behind when there is no such image", async () => {
	const daemon = await fakeDaemon({});
	const file = join(directory(), "x.tar");
	const ran = await runCommand(ImageExport, "image:export", ["none", file, "--state", daemon.stateDirectory]);
	expect(ran.exitCode).toBe(4);
	expect(existsSync(file) || existsSync(`${file}.new`)).toBe(false);
});
