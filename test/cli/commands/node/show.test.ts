import { describe, expect, it } from "vitest";
import NodeShow from "../../../../src/cli/commands/node/show.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { nodeDetail, ping } from "../../rows.js";
import { runCommand } from "../../run.js";

describe("swarm node show", () => {
	it("shows the node that answers when none is named", async () => {
		const daemon = await fakeDaemon({ "GET /v1/ping": () => ping, "GET /v1/nodes/n1": () => nodeDetail("n1") });
		const { stdout } = await runCommand(NodeShow, "node show", ["--state", daemon.stateDirectory]);
		expect(stdout).toMatch(/^node: +n1$/m);
		expect(stdout).toMatch(/^labels: +disk=ssd$/m);
		expect(stdout).toMatch(/^cpus: +4 on 4 cores$/m);
		expect(stdout).toMatch(/^promised: +1 CPUs, 1 GiB$/m);
		expect(stdout).toMatch(/^temperature: +40\.0 °C, 60\.0 °C below its limit$/m);
	});

	it("calls what no sensor tells unknown", async () => {
		const detail = nodeDetail("n2");
		const blind = { temperatureCelsius: null, thermalHeadroomCelsius: null, ioPressure: null };
		const daemon = await fakeDaemon({
			"GET /v1/nodes/n2": () => ({ ...detail, sample: detail.sample && { ...detail.sample, ...blind } }),
		});
		const { stdout } = await runCommand(NodeShow, "node show", ["n2", "--state", daemon.stateDirectory]);
		expect(stdout).toMatch(/^temperature: +unknown \(no sensor\)$/m);
		expect(stdout).toMatch(/io unknown$/m);
	});

	it("gives record and sample as JSON", async () => {
		const daemon = await fakeDaemon({ "GET /v1/nodes/n2": () => nodeDetail("n2") });
		const { stdout } = await runCommand(NodeShow, "node show", ["n2", "--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(nodeDetail("n2"));
	});
});
