import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import Import from "../../../src/cli/commands/import.js";
import { fakeDaemon } from "../fake-daemon.js";
import { containerRow } from "../rows.js";
import { runCommand } from "../run.js";

const routes = { "POST /v1/imports": () => [containerRow()] };

it("swarm import sends the file and shows what came of it", async () => {
	const made = mkdtempSync(join(tmpdir(), "swarm-import-"));
	onTestFinished(() => rmSync(made, { recursive: true }));
	writeFileSync(join(made, "web.tar"), "a tar");
	const daemon = await fakeDaemon(routes);
	const ran = await runCommand(Import, "import", [join(made, "web.tar"), "--state", daemon.stateDirectory]);
	expect(ran.exitCode).toBe(0);
	expect(ran.stdout).toMatch(/web\.0 +n1 +running/);
	expect(daemon.asked[0]?.body).toBe("a tar");
	const json = await runCommand(Import, "import", [join(made, "web.tar"), "--json", "--state", daemon.stateDirectory]);
	expect(JSON.parse(json.stdout)).toEqual([containerRow()]);
});

it("swarm import says which file is not there", async () => {
	const ran = await runCommand(Import, "import", ["/no/such/file"]);
	expect(ran).toMatchObject({ exitCode: 4, stderr: "Cannot import /no/such/file: there is no such file\n" });
});
