import { describe, expect, it } from "vitest";
import ImageLs from "../../../../src/cli/commands/image/ls.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const rows = [{ name: "redis:7", digest: `sha256:${"ab".repeat(32)}`, sizeBytes: 50 * 1024 ** 2, nodes: ["n1", "n2"] }];

describe("swarm image ls", () => {
	it("shows each image with a short digest, its size and who holds it", async () => {
		const daemon = await fakeDaemon({ "GET /v1/images": () => rows });
		const { stdout } = await runCommand(ImageLs, "image ls", ["--state", daemon.stateDirectory]);
		expect(stdout).toMatch(/^redis:7 +sha256:abababababab +50 MiB +n1 n2$/m);
	});

	it("gives whole digests as JSON", async () => {
		const daemon = await fakeDaemon({ "GET /v1/images": () => rows });
		const { stdout } = await runCommand(ImageLs, "image ls", ["--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(rows);
	});
});
