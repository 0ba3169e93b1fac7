import { describe, expect, it } from "vitest";
import CapabilityCreate from "../../../../src/cli/commands/capability/create.js";
import { verbs } from "../../../../src/model.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const made = { capability: "swarmcap1.abc", id: "5f".repeat(16), holder: "12D3", expiresAtMs: 0 };
const routes = { "POST /v1/capabilities": () => made };

describe("swarm capability create", () => {
	it("prints nothing but the capability on standard output", async () => {
		const daemon = await fakeDaemon(routes);
		const argv = ["--verbs", "list,logs", "--labels", "team=a,tier=web", "--ttl", "168h", "--note", "for CI"];
		const ran = await runCommand(CapabilityCreate, "capability create", [...argv, "--state", daemon.stateDirectory]);
		expect(ran.stdout).toBe("swarmcap1.abc\n");
		expect(ran.stderr).toBe(`capability ${made.id}, valid until 1970-01-01T00:00:00.000Z\n`);
		const labels = { team: "a", tier: "web" };
		const wanted = { verbs: ["list", "logs"], labels, ttlMs: 604_800_000, holder: null, note: "for CI" };
		expect(daemon.asked[0]?.body).toEqual(wanted);
	});

	it("takes all verbs by one word", async () => {
		const daemon = await fakeDaemon(routes);
		const argv = ["--verbs", "all", "--json", "--state", daemon.stateDirectory];
		expect(JSON.parse((await runCommand(CapabilityCreate, "capability create", argv)).stdout)).toEqual(made);
		expect(daemon.asked[0]?.body).toMatchObject({ verbs: [...verbs], labels: {}, ttlMs: 3_600_000 });
	});

	it.each([
		[["--verbs", "list,dance"], /"dance" is none, wanted some of list/],
		[["--verbs", "list", "--labels", "team"], /"team" is none, wanted NAME=VALUE/],
		[["--verbs", "list", "--ttl", "soon"], /--ttl is "soon"/],
	])("refuses %j", async (argv, reason) => {
		const ran = await runCommand(CapabilityCreate, "capability create", argv);
		expect(ran.stderr).toMatch(reason);
		expect(ran.exitCode).toBe(2);
	});
});
