import { describe, expect, it } from "vitest";
import Events from "../../../src/cli/commands/events.js";
import { fakeDaemon, lines } from "../fake-daemon.js";
import { n2, nodeRow } from "../rows.js";
import { runCommand } from "../run.js";

const event = { timeMs: 0, node: n2, kind: "node.down", subject: "n3", message: "no\nheartbeat", details: { phi: 9 } };
const routes = { "GET /v1/events": () => lines(event), "GET /v1/nodes": () => [nodeRow("n1"), nodeRow("n2")] };

describe("swarm events", () => {
	it("prints one line for each event, with the node's name", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(Events, "events", ["--tail", "1", "-f", "--state", daemon.stateDirectory]);
		expect(stdout).toBe("1970-01-01T00:00:00.000Z n2 node.down n3: no heartbeat\n");
		expect(daemon.asked.at(-1)?.query).toEqual({ follow: "1", tail: "1" });
	});

	it("prints one JSON value a line", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(Events, "events", ["--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(event);
	});
});
