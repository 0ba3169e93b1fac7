import { describe, expect, it } from "vitest";
import CapabilityLs from "../../../../src/cli/commands/capability/ls.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const row = {
	id: "5f".repeat(16),
	state: "revoked",
	verbs: ["list", "logs"],
	labels: { team: "a" },
	createdAtMs: 0,
	expiresAtMs: 0,
	node: "n1",
	holder: "12D3",
	note: "",
};

describe("swarm capability ls", () => {
	it("shows what each allows, for what, how long, and whether it is still good", async () => {
		const { stateDirectory } = await fakeDaemon({ "GET /v1/capabilities": () => [row] });
		const { stdout } = await runCommand(CapabilityLs, "capability ls", ["--state", stateDirectory]);
		const [head, line] = stdout.split("\n");
		expect(head).toMatch(/^CAPABILITY +STATE +VERBS +LABELS +UNTIL +NODE +HOLDER +NOTE$/);
		expect(line).toMatch(/^5f5f\w+ +revoked +list,logs +team=a +1970-01-01T00:00:00.000Z +n1 +12D3 +-$/);
		const json = await runCommand(CapabilityLs, "capability ls", ["--json", "--state", stateDirectory]);
		expect(JSON.parse(json.stdout)).toEqual([row]);
	});
});
