// The program as it is typed: bin/swarm with the bundle, skipped where that is not built.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, describe, expect, it } from "vitest";
import { serveHttp } from "../../src/node/api/http-server.js";
import { linesAnswer } from "../../src/node/api/message.js";

const root = new URL("../..", import.meta.url).pathname;
const state = mkdtempSync(join(tmpdir(), "swarm-cli-main-"));
const built = existsSync(join(root, "dist/cli/main.js"));

afterAll(() => rmSync(state, { recursive: true, force: true }));

function swarm(...args: readonly string[]) {
	const env = { ...process.env, SWARM_STATE: state };
	const { stdout, stderr, status } = spawnSync(join(root, "bin/swarm"), args, { encoding: "utf8", env });
	return { stdout, stderr, status };
}

describe.skipIf(!built)(`bin/swarm${built ? "" : " (skipped: dist/ is not built)"}`, () => {
	it("lists its topics and commands", () => {
		const { stdout, status } = swarm("--help");
		expect(status).toBe(0);
		for (const word of ["image", "node", "deploy", "ps", "migrate", "explain"]) expect(stdout).toContain(`\n  ${word}`);
	});

	it("says how to start a daemon that is not there, with exit code 3", () => {
		const { stdout, stderr, status } = swarm("ps");
		expect(status).toBe(3);
		expect(stdout).toBe("");
		expect(stderr).toMatch(/^Cannot reach the node in .*: no daemon answers, start it with `swarm node start`.*\n$/);
	});

	it("gives the same as JSON on standard output with --json", () => {
		const { stdout, stderr, status } = swarm("ps", "--json");
		expect(status).toBe(3);
		expect(stderr).toBe("");
		expect(JSON.parse(stdout)).toMatchObject({ error: { code: "unreachable" } });
	});

	it.each([
		[["foo"], "Cannot run `swarm foo`: no such command, see `swarm --help`\n"],
		[["node", "foo"], "Cannot run `swarm node foo`: no such command, see `swarm --help`\n"],
		[["rm"], "Cannot run `swarm rm`: WORKLOAD is missing, see `swarm rm --help`\n"],
		[["rm", "a", "b"], "Cannot run `swarm rm`: unexpected argument: b, see `swarm rm --help`\n"],
		[["migrate", "a"], "Cannot run `swarm migrate`: --to is missing, see `swarm migrate --help`\n"],
		[["ps", "--wide"], "Cannot run `swarm ps`: nonexistent flag: --wide, see `swarm ps --help`\n"],
	])("answers %j with one line and exit code 2", (args, line) => {
		expect(swarm(...args)).toEqual({ stdout: "", stderr: line, status: 2 });
	});

	it("ends when nobody reads on, without a word", async () => {
		const line = { timeMs: 0, stream: "stdout", text: "again", partial: false };
		async function* endless() {
			for (;;) yield line;
		}
		const server = await serveHttp(join(state, "swarm.sock"), async () => linesAnswer(endless()));
		const child = spawn("sh", ["-c", "bin/swarm logs web -f | head -1"], {
			cwd: root,
			env: { ...process.env, SWARM_STATE: state },
			stdio: ["ignore", "pipe", "pipe"],
		});
		const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
		await server.close();
		expect({ stdout, stderr }).toEqual({ stdout: "again\n", stderr: "" });
	});

	it("waits for a slow reader: nothing is lost at the end", async () => {
		const { promise: allSent, resolve } = Promise.withResolvers<void>();
		async function* many() {
			for (let i = 0; i < 20_000; i++) yield { timeMs: 0, stream: "stdout", text: String(i), partial: false };
			resolve();
		}
		const server = await serveHttp(join(state, "swarm.sock"), async () => linesAnswer(many()));
		const env = { ...process.env, SWARM_STATE: state };
		const child = spawn(join(root, "bin/swarm"), ["logs", "web"], { env, stdio: ["ignore", "pipe", "inherit"] });
		await allSent;
		const lines = (await text(child.stdout)).split("\n");
		await server.close();
		expect(lines).toHaveLength(20_001);
	});

	it("reaches deploy and migrate under node, too", () => {
		expect(swarm("node", "deploy", "web", "--image", "host").status).toBe(3);
		expect(swarm("node", "migrate", "web", "--to", "n2").status).toBe(3);
	});
});
