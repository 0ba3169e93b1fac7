import { sign } from "node:crypto";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createAuthority, exportAuthority, issueCertificate } from "../../src/mesh/cluster-authority.js";
import { loadCredentials, saveCredentials } from "../../src/mesh/credentials.js";
import { createIdentity } from "../../src/mesh/identity.js";
import { firstTrust, learned, rotated } from "../../src/mesh/trust.js";
import { encodeWire } from "../../src/mesh/wire.js";

let directory: string;
beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "swarm-credentials-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const authority = createAuthority();
const { node } = createIdentity();
const subject = { node, name: "n1", role: "member", admittedAtMs: 3 } as const;

test("credentials come back as they were kept, with all authorities, and are their owner's alone", async () => {
	const next = createAuthority(authority.clusterId);
	const start = firstTrust(authority.publicKey);
	const link = rotated(start, authority, { publicKey: next.publicKey, graceMs: 60_000, nowMs: 5 });
	const trust = learned(start, [link], 5);
	const certificate = issueCertificate(next, subject, 5);
	const introducers = [{ node, addresses: ["/ip4/10.0.0.1/tcp/7749"] }];
	await saveCredentials(directory, { trust, authority: next, certificate, introducers });
	const again = await loadCredentials(directory);
	expect(again?.trust.links.map(({ number, parent }) => ({ number, parent }))).toEqual(
		trust.links.map(({ number, parent }) => ({ number, parent })),
	);
	expect(again?.authority?.clusterId).toBe(authority.clusterId);
	expect(again).toMatchObject({ certificate: { role: "member", admittedAtMs: 3 }, introducers });
	expect((await stat(join(directory, "cluster.json"))).mode & 0o777).toBe(0o600);
	await saveCredentials(directory, { trust, authority: null, certificate, introducers });
	expect((await loadCredentials(directory))?.authority).toBeNull();
});

test("credentials from before keys could be rotated are those of a member of a cluster with one key", async () => {
	const body = encodeWire([1, authority.clusterId, node, "old", [], 1_000, 2_000]);
	const bytes = encodeWire([body, Uint8Array.from(sign(null, body, authority.privateKey))]);
	const base64 = (given: Uint8Array) => Buffer.from(given).toString("base64");
	const content = {
		version: 1,
		clusterKey: base64(exportAuthority(authority)),
		certificate: base64(bytes),
		introducers: [],
	};
	await writeFile(join(directory, "cluster.json"), JSON.stringify(content), { mode: 0o600 });
	const credentials = await loadCredentials(directory);
	expect(credentials?.trust.clusterId).toBe(authority.clusterId);
	expect(credentials?.certificate).toMatchObject({ name: "old", role: "member", signer: authority.clusterId });
});

test("damaged credentials are refused with what to do", async () => {
	for (const text of ["{", '{"version":3}', '{"version":2,"clusterId":"x"}', '{"version":1,"clusterKey":"AAAA"}']) {
		await writeFile(join(directory, "cluster.json"), text, { mode: 0o600 });
		await expect(loadCredentials(directory), text).rejects.toThrow(/is damaged, remove it and join again/);
	}
});
