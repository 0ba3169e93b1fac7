import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
	createIdentity,
	createVerifier,
	isNodeId,
	libp2pKeyOf,
	loadIdentity,
	signerOf,
	verifierOf,
} from "../../src/mesh/identity.js";
import type { NodeId } from "../../src/model.js";

const message = Buffer.from("the state of things");
let directory: string;

beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "swarm-identity-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("identity", () => {
	test("is made once and is the same after a restart", async () => {
		const first = await loadIdentity(directory);
		const second = await loadIdentity(directory);
		expect(first.node).toMatch(/^12D3Koo/);
		expect(second.node).toBe(first.node);
		expect(verifierOf(first.node)(message, signerOf(second)(message))).toBe(true);
	});

	test("is the same for callers that start at once, and leaves one file of mode 0600", async () => {
		const made = await Promise.all(Array.from({ length: 8 }, () => loadIdentity(directory)));
		expect(new Set(made.map((identity) => identity.node)).size).toBe(1);
		expect(await readdir(directory)).toEqual(["node.key"]);
		expect((await stat(join(directory, "node.key"))).mode & 0o777).toBe(0o600);
	});

	test("refuses a key file that others can read, and says how to repair it", async () => {
		await loadIdentity(directory);
		await chmod(join(directory, "node.key"), 0o644);
		await expect(loadIdentity(directory)).rejects.toMatchObject({
			code: "refused",
			message: expect.stringMatching(/chmod 600/),
		});
	});

	test("calls a broken key file corrupt and does not replace it", async () => {
		await writeFile(join(directory, "node.key"), "garbage", { mode: 0o600 });
		await expect(loadIdentity(directory)).rejects.toMatchObject({ code: "corrupt" });
	});

	test("gives libp2p the same peer id", () => {
		const identity = createIdentity();
		expect(peerIdFromPrivateKey(libp2pKeyOf(identity.privateKey)).toString()).toBe(identity.node);
	});
});

describe("signatures", () => {
	test("verify from the node id alone and fail for another node, message or length", () => {
		const [one, two] = [createIdentity(), createIdentity()];
		const verify = createVerifier();
		const signature = signerOf(one)(message);
		expect(signature.length).toBe(64);
		expect(verify(one.node, message, signature)).toBe(true);
		expect(verify(one.node, message, signature)).toBe(true);
		expect(verify(two.node, message, signature)).toBe(false);
		expect(verify(one.node, Buffer.from("another"), signature)).toBe(false);
		expect(verify(one.node, message, signature.subarray(1))).toBe(false);
	});

	test("of something that is no node id are false, not an exception", () => {
		expect(createVerifier()("nonsense" as NodeId, message, new Uint8Array(64))).toBe(false);
		expect(() => verifierOf("nonsense" as NodeId)).toThrow(/not the peer id/);
		expect(isNodeId("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")).toBe(false);
		expect(isNodeId(42)).toBe(false);
	});
});
