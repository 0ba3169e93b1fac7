// exec, with real containers: what the joining process gets, and what it cannot reach.

import { readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missingForOci, type OciWorld, openOciWorld } from "./support/bundle.js";

const missing = missingForOci();

describe.skipIf(missing !== null)(`OCI exec (missing: ${missing})`, () => {
	let world: OciWorld;
	beforeAll(() => {
		world = openOciWorld();
		world.done("run", "-d", "-b", world.bundle({ hostname: "box" }), "web");
	});
	afterAll(() => world.dispose());

	it("runs inside, with the environment of the container, and has the program's exit code", () => {
		const script = "cat /proc/sys/kernel/hostname; echo $GREETING $MORE; pwd; exit 9";
		expect(world.oci("exec", "--env", "MORE=more", "--cwd", "/tmp", "web", "sh", "-c", script)).toEqual({
			code: 9,
			stdout: "box\nhello more\n/tmp\n",
			stderr: "",
		});
	});

	it("takes the process as JSON, in the background, and is found by ps", () => {
		const file = join(world.directory, "process.json");
		const pidFile = join(world.directory, "exec.pid");
		writeFileSync(file, JSON.stringify({ args: ["/bin/sleep", "999"], cwd: "/", user: { uid: 5, gid: 5 }, env: [] }));
		world.done("exec", "--process", file, "--detach", "--pid-file", pidFile, "web");
		expect(world.done("ps", "web")).toMatch(/sleep 999/);
	});

	it("says what is missing as 1, with the reason", () => {
		expect(world.oci("exec", "web", "nothing-here")).toMatchObject({ code: 1 });
		expect(world.oci("exec", "web", "nothing-here").stderr).toContain(
			"executable file `nothing-here` not found in $PATH",
		);
		expect(world.oci("exec", "--user", "nobody", "web", "id").stderr).toContain("--user is nobody, wanted UID[:GID]");
		expect(world.oci("exec", "nobody", "id").stderr).toContain("container does not exist");
	});

	it("reaches no directory of the host by a leaked descriptor (CVE-2024-21626)", () => {
		for (let descriptor = 0; descriptor < 12; descriptor++) {
			const { stdout } = world.oci("exec", "--cwd", `/proc/self/fd/${descriptor}`, "web", "ls", "../../../..");
			expect(stdout).not.toContain("root\nrun\nsbin");
		}
		const bundle = world.bundle({ process: { args: ["/bin/ls", "../../../.."], cwd: "/proc/self/fd/7" } });
		expect(world.oci("run", "-b", bundle, "leaky").code).not.toBe(0);
	});

	it("brings nothing of our program along that the container could overwrite (CVE-2019-5736)", () => {
		world.done("create", "-b", world.bundle(), "waiting");
		// A sealed copy in memory, as execve found it: nobody can write to that file.
		expect(readlinkSync(`/proc/${world.state("waiting").pid}/exe`)).toMatch(/^\/memfd:swarm-oci/);
		world.done("delete", "--force", "waiting");
	});
});
