import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import Backup from "../../../src/cli/commands/backup.js";
import { loadIdentity } from "../../../src/mesh/identity.js";
import { runCommand } from "../run.js";

describe("swarm backup", () => {
	let under: string;
	beforeEach(() => {
		under = mkdtempSync(join(tmpdir(), "swarm-backup-"));
		mkdirSync(join(under, "n1"));
	});
	afterEach(() => rmSync(under, { recursive: true, force: true }));

	it("writes a node to a file and says which one it is", async () => {
		const { node } = await loadIdentity(join(under, "n1"));
		writeFileSync(join(under, "n1/journal"), "");
		const file = join(under, "n1.backup");
		const saved = await runCommand(Backup, "backup", [file, "--json", "--state", join(under, "n1")]);
		expect(JSON.parse(saved.stdout)).toMatchObject({ node, file, bytes: statSync(file).size });
		expect(statSync(file).mode & 0o777).toBe(0o600);
	});

	it("says that there is no node", async () => {
		const nothing = await runCommand(Backup, "backup", [join(under, "x"), "--state", join(under, "n1")]);
		expect(nothing).toMatchObject({ exitCode: 4 });
		expect(nothing.stderr).toContain("wanted a node's state");
	});
});
