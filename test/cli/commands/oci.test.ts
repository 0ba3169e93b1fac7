import { expect, it } from "vitest";
import Oci from "../../../src/cli/commands/oci.js";
import { runCommand } from "../run.js";

it("hands everything behind `oci` to the runtime, global options first", async () => {
	const ran = await runCommand(Oci, "oci", ["--root", "/does/not/exist", "state", "web1"]);
	expect(ran.stderr).toBe("Cannot find web1: container does not exist in /does/not/exist\n");
	expect(ran).toMatchObject({ stdout: "", exitCode: 1 });
});
