import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import ImageImport from "../../../../src/cli/commands/image/import.js";
import { fakeDaemon, lines } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const row = { name: "redis:7", digest: `sha256:${"a".repeat(64)}`, sizeBytes: 1024, nodes: ["n1"] };
const routes = { "POST /v1/images": () => lines({ message: "layer 1 of 1" }, { result: row }) };

describe("swarm image import", () => {
	it("tells the daemon the absolute path and shows its progress", async () => {
		const daemon = await fakeDaemon(routes);
		const argv = ["redis.tar", "--name", "redis:7", "--state", daemon.stateDirectory];
		const ran = await runCommand(ImageImport, "image import", argv);
		expect(daemon.asked[0]?.body).toEqual({ path: resolve("redis.tar"), name: "redis:7" });
		expect(ran.stderr).toBe("layer 1 of 1\n");
		expect(ran.stdout).toBe(`redis:7 imported: ${row.digest}, 1 KiB\n`);
	});

	it("gives the image as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const argv = ["/x/redis.tar", "--json", "--state", daemon.stateDirectory];
		const { stdout } = await runCommand(ImageImport, "image import", argv);
		expect(JSON.parse(stdout)).toEqual(row);
		expect(daemon.asked[0]?.body).toEqual({ path: "/x/redis.tar", name: null });
	});

	it("passes on why an archive is refused", async () => {
		const error = { code: "corrupt", message: "Cannot import: ../x leaves the root", retryable: false, details: {} };
		const daemon = await fakeDaemon({ "POST /v1/images": () => lines({ error }) });
		const ran = await runCommand(ImageImport, "image import", ["a.tar", "--state", daemon.stateDirectory]);
		expect(ran).toEqual({ stdout: "", stderr: "Cannot import: ../x leaves the root\n", exitCode: 1 });
	});
});
