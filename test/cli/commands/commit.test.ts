import { describe, expect, it } from "vitest";
import Commit from "../../../src/cli/commands/commit.js";
import { fakeDaemon, lines } from "../fake-daemon.js";
import { runCommand } from "../run.js";

const row = { name: "web:2", digest: `sha256:${"a".repeat(64)}`, sizeBytes: 2048, nodes: ["n1"] };
const routes = { "POST /v1/containers/web/commit": () => lines({ message: "reading what it wrote" }, { result: row }) };

describe("swarm commit", () => {
	it("tells the new image, and what it does meanwhile", async () => {
		const daemon = await fakeDaemon(routes);
		const ran = await runCommand(Commit, "commit", ["web", "web:2", "--state", daemon.stateDirectory]);
		expect(ran).toMatchObject({ exitCode: 0, stderr: "reading what it wrote\n" });
		expect(ran.stdout).toBe(`web:2: ${row.digest}, 2 KiB\n`);
		expect(daemon.asked[0]?.body).toEqual({ image: "web:2" });
	});

	it("gives it as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(Commit, "commit", ["web", "web:2", "--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(row);
	});
});
