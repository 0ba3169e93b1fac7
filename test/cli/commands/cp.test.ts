import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import Cp from "../../../src/cli/commands/cp.js";
import { fakeDaemon } from "../fake-daemon.js";
import { runCommand } from "../run.js";

let directory: string;
beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), "swarm-cp-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** What the daemon would answer for a file of that name. */
function archiveOf(name: string, text: string): Buffer {
	const made = mkdtempSync(join(directory, "tar-"));
	writeFileSync(join(made, name), text);
	return execFileSync("tar", ["--create", "--directory", made, "--", name]);
}

describe("swarm cp", () => {
	it("brings a file under the name that was typed, or below a directory that is there", async () => {
		const daemon = await fakeDaemon({
			"GET /v1/containers/web/files": ({ query }) => archiveOf(query.name ?? "", "hello"),
		});
		const state = ["--state", daemon.stateDirectory];
		const ran = await runCommand(Cp, "cp", ["web:/etc/motd", join(directory, "copy"), ...state]);
		expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
		expect(readFileSync(join(directory, "copy"), "utf8")).toBe("hello");
		mkdirSync(join(directory, "there"));
		await runCommand(Cp, "cp", ["web:etc/motd", join(directory, "there"), ...state]);
		expect(readFileSync(join(directory, "there/motd"), "utf8")).toBe("hello");
		expect(daemon.asked.map(({ query }) => query)).toEqual([
			{ path: "/etc/motd", name: "copy" },
			{ path: "/etc/motd", name: "motd" },
		]);
	});

	it("sends a file or directory as an archive", async () => {
		const daemon = await fakeDaemon({ "POST /v1/containers/web/files": () => ({}) });
		mkdirSync(join(directory, "site"));
		writeFileSync(join(directory, "site/index.html"), "<p>");
		const state = ["--json", "--state", daemon.stateDirectory];
		const ran = await runCommand(Cp, "cp", [join(directory, "site"), "web:/srv", ...state]);
		expect(JSON.parse(ran.stdout)).toMatchObject({ target: "web:/srv", bytes: null });
		await runCommand(Cp, "cp", [`${directory}/site/.`, "web:/srv", ...state]);
		expect(daemon.asked.map(({ query }) => query)).toEqual([
			{ path: "/srv", how: "as" },
			{ path: "/srv", how: "into" },
		]);
		expect(daemon.asked[0]?.body).toContain("site/index.html");
	});

	it("gives the archive itself on standard output", async () => {
		const archive = archiveOf("motd", "hello");
		const daemon = await fakeDaemon({ "GET /v1/containers/web.1/files": () => archive });
		const { stdout } = await runCommand(Cp, "cp", ["web.1:/etc/motd", "-", "--state", daemon.stateDirectory]);
		expect(stdout).toBe(archive.toString());
		const refused = await runCommand(Cp, "cp", ["web:/x", "-", "--json", "--state", daemon.stateDirectory]);
		expect(refused.exitCode).toBe(2);
	});

	it("refuses ends that do not fit together, and places that are not there", async () => {
		const daemon = await fakeDaemon({});
		const cp = (source: string, target: string) =>
			runCommand(Cp, "cp", [source, target, "--state", daemon.stateDirectory]);
		for (const [source, target] of [
			["a", "b"],
			["web:/a", "db:/b"],
			["-", "-"],
		] as const)
			expect((await cp(source, target)).stderr).toContain("one end is to be NAME:PATH of a container");
		expect((await cp(join(directory, "nothing"), "web:/x")).exitCode).toBe(4);
		const nowhere = await cp("web:/x", join(directory, "no/such/place"));
		expect(nowhere.stderr).toContain("is no directory, make it first");
		expect(daemon.asked).toEqual([]);
	});
});
