import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import CapabilityNarrow from "../../../../src/cli/commands/capability/narrow.js";
import { createHolder, formatCapability, issueCapability } from "../../../../src/mesh/capability.js";
import { createIdentity, signerOf } from "../../../../src/mesh/identity.js";
import { describe as described } from "../../../../src/node/guests/handing-on.js";
import { runCommand } from "../../run.js";

async function heldFile(): Promise<string> {
	const directory = await mkdtemp(join(tmpdir(), "swarm-cli-"));
	onTestFinished(() => rm(directory, { recursive: true, force: true }));
	const [issuer, holder] = [createIdentity(), createHolder()];
	const grant = { verbs: ["list", "logs"] as const, labels: {}, expiresAtMs: 9e12 };
	const first = { clusterId: "c", issuer: issuer.node, certificate: Uint8Array.of(1), holder: holder.node, grant };
	const held = { chain: issueCapability(first, signerOf(issuer)), key: holder.privateKey, addresses: [] };
	const path = join(directory, "mine");
	await writeFile(path, `${formatCapability(held)}\n`);
	return path;
}

describe("swarm capability narrow", () => {
	it("prints a capability that can do less, for a key of its own", async () => {
		const path = await heldFile();
		const ran = await runCommand(CapabilityNarrow, "capability narrow", [
			path,
			"--verbs",
			"logs",
			"--labels",
			"team=a",
		]);
		const { verbs, labels, ids, hasKey, expiresAtMs } = described(ran.stdout);
		expect({ verbs, labels, hasKey, expiresAtMs }).toEqual({
			verbs: ["logs"],
			labels: { team: "a" },
			hasKey: true,
			expiresAtMs: 9e12,
		});
		const json = await runCommand(CapabilityNarrow, "capability narrow", [path, "--ttl", "10m", "--json"]);
		const answer = JSON.parse(json.stdout);
		expect(answer.id).toBe(described(answer.capability).ids[1]);
		expect(answer.id).not.toBe(ids[1]);
		expect(answer.expiresAtMs).toBeLessThan(Date.now() + 3_600_000);
	});

	it("says what is wrong with the file", async () => {
		const ran = await runCommand(CapabilityNarrow, "capability narrow", ["/nowhere/mine"]);
		expect(ran.stderr).toMatch(/^Cannot read \/nowhere\/mine: ENOENT/);
		expect(ran.exitCode).toBe(2);
	});
});
