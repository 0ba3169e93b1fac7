import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import Backup from "../../../src/cli/commands/backup.js";
import Restore from "../../../src/cli/commands/restore.js";
import { loadIdentity } from "../../../src/mesh/identity.js";
import { runCommand } from "../run.js";

describe("swarm restore", () => {
	let under: string;
	beforeEach(() => {
		under = mkdtempSync(join(tmpdir(), "swarm-backup-"));
		mkdirSync(join(under, "n1"));
	});
	afterEach(() => rmSync(under, { recursive: true, force: true }));

	it("brings a node back from its backup, says which one it is and what is next, and does so once", async () => {
		const { node } = await loadIdentity(join(under, "n1"));
		writeFileSync(join(under, "n1/journal"), "");
		const file = join(under, "n1.backup");
		await runCommand(Backup, "backup", [file, "--state", join(under, "n1")]);
		const back = await runCommand(Restore, "restore", [file, "--state", join(under, "n2")]);
		expect(back.stdout).toContain(`node ${node}`);
		expect(back.stdout).toContain("swarm node start");
		expect((await loadIdentity(join(under, "n2"))).node).toBe(node);
		const again = await runCommand(Restore, "restore", [file, "--state", join(under, "n2")]);
		expect(again).toMatchObject({ exitCode: 5, stdout: "" });
		expect(again.stderr).toContain("is not empty");
	});

	it("says which file is no backup", async () => {
		const file = join(under, "n1.backup");
		writeFileSync(file, "no tar at all".repeat(100));
		const refused = await runCommand(Restore, "restore", [file, "--state", join(under, "n2")]);
		expect(refused.stderr).toBe(`Cannot restore ${file}: it is no whole tar; wanted what \`swarm backup\` wrote\n`);
	});

	it("says that there is no such file", async () => {
		const absent = await runCommand(Restore, "restore", [join(under, "x"), "--state", join(under, "n2")]);
		expect(absent).toMatchObject({
			exitCode: 4,
			stderr: `Cannot restore ${join(under, "x")}: there is no such file\n`,
		});
	});
});
