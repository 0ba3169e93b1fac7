// The command line as other programs call it: what needs no container.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { planContainer, rootField } from "../../src/oci/config/container-plan.js";
import { main } from "../../src/oci/main.js";
import { temporaryDirectory } from "../support/temporary.js";
import { placeOn, pureTrees } from "./support/place.js";

async function called(...argv: string[]) {
	const texts: string[] = [];
	const errors: string[] = [];
	vi.spyOn(process.stdout, "write").mockImplementation((text) => texts.push(String(text)) > 0);
	vi.spyOn(process.stderr, "write").mockImplementation((text) => errors.push(String(text)) > 0);
	const code = await main(argv);
	return { code, stdout: texts.join(""), stderr: errors.join("") };
}

afterEach(() => void vi.restoreAllMocks());

describe("swarm oci", () => {
	it.each([
		[["--systemd-cgroup", "state", "c1"], "cgroups are made without systemd (--systemd-cgroup), wanted cgroupfs"],
		[["--cgroup-manager=systemd", "state", "c1"], "cgroups are made without systemd (systemd), wanted cgroupfs"],
		[["--log-format", "xml", "state", "c1"], "--log-format is xml, wanted text or json"],
		[["fly"], "there is no sub-command fly"],
		[["constructor"], "there is no sub-command constructor"],
		[["state"], "state wants a container id"],
		[["delete", "a", "b"], "delete takes no b"],
		[["state", "../etc"], 'Cannot use the container id "../etc"'],
		[["kill", "c1", "SIGNOTHING", "--root"], "--root is no option here"],
	])("refuses %j", async (argv, reason) => {
		const { code, stdout, stderr } = await called("--root", "/does/not/exist", ...argv);
		expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
		expect(stderr).toContain(reason);
	});

	it("writes the reason into the log as well, as text", async () => {
		const log = join(await temporaryDirectory(), "log");
		await called("--root", "/does/not/exist", "--log", log, "state", "c1");
		expect(readFileSync(log, "utf8")).toMatch(
			/^time="[^"]+" level=error msg="Cannot find c1: container does not exist in \/does\/not\/exist"\n$/,
		);
	});

	it("tells all sub-commands, and the options of each", async () => {
		const { stdout } = await called("--help");
		const names = "create start state kill delete run exec ps pause resume update features spec".split(" ");
		for (const name of names) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
		expect((await called("create", "--help")).stdout).toContain("--console-socket VALUE");
		expect((await called()).code).toBe(1);
	});

	it("features.md: says what it can do", async () => {
		const answer = JSON.parse((await called("features")).stdout);
		expect(answer.ociVersionMin).toBe("1.0.0");
		expect(answer.hooks).toContain("startContainer");
		expect(answer.mountOptions).toEqual(expect.arrayContaining(["rbind", "ridmap", "rro", "tmpcopyup"]));
		expect(answer.linux.namespaces).toHaveLength(8);
		expect(answer.linux.cgroup).toEqual({ v1: true, v2: true, systemd: false, systemdUser: false, rdma: true });
	});

	it("spec writes a configuration that it takes itself, and overwrites none", async () => {
		const bundle = await temporaryDirectory();
		expect((await called("spec", "--bundle", bundle)).code).toBe(0);
		const config = rootField(JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")));
		expect(planContainer(config, placeOn(pureTrees)).terminal).toBe(true);
		expect((await called("spec", "--bundle", bundle)).stderr).toContain("file already exists");
	});
});
