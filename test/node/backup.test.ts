import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadIdentity } from "../../src/mesh/identity.js";
import type { NodeId } from "../../src/model.js";
import { backupOf, restoreBackup } from "../../src/node/backup.js";

describe("a backup of a node", () => {
	let under: string;
	let from: string;
	let to: string;
	let node: NodeId;
	beforeEach(async () => {
		under = mkdtempSync(join(tmpdir(), "swarm-backup-"));
		[from, to] = [join(under, "from"), join(under, "to")];
		mkdirSync(from, { mode: 0o700 });
		node = (await loadIdentity(from)).node;
		for (const [name, content] of [
			["journal", "what it knows"],
			["cluster.json", "{}"],
			["lock", "1 2\n"],
			["daemon.log", "much"],
			["promises", "to be kept by nobody else"],
			["journal.new", "half"],
		] as const)
			writeFileSync(join(from, name), content);
		mkdirSync(join(from, "containers/web.0"), { recursive: true });
	});
	afterEach(() => rmSync(under, { recursive: true, force: true }));

	async function bytesOf(archive: AsyncIterable<Uint8Array>): Promise<Buffer> {
		const parts: Uint8Array[] = [];
		for await (const part of archive) parts.push(part);
		return Buffer.concat(parts);
	}
	const taken = async () => bytesOf((await backupOf(from, 1_000)).archive);
	async function* inParts(bytes: Buffer) {
		for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
	}
	const restore = (bytes: Buffer) => restoreBackup(inParts(bytes), "n1.backup", to);

	it("brings back its key and what it knew, for nobody else to read, and nothing of the machine it was on", async () => {
		expect(await restore(await taken())).toMatchObject({ node, takenAtMs: 1_000 });
		expect((await loadIdentity(to)).node).toBe(node);
		expect(readFileSync(join(to, "journal"), "utf8")).toBe("what it knows");
		expect(readdirSync(to).sort()).toEqual(["cluster.json", "journal", "node.key"]);
		expect(statSync(to).mode & 0o777).toBe(0o700);
		for (const name of readdirSync(to)) expect(statSync(join(to, name)).mode & 0o777).toBe(0o600);
	});

	it("takes an empty directory, and leaves one alone in which there is something", async () => {
		mkdirSync(to);
		await restore(await taken());
		await expect(restore(await taken())).rejects.toMatchObject({ code: "conflict" });
		expect(readFileSync(join(to, "journal"), "utf8")).toBe("what it knows");
	});

	it("is not made of a directory without a node", async () => {
		rmSync(join(from, "journal"));
		await expect(backupOf(from, 0)).rejects.toThrow("has no journal");
		await expect(backupOf(join(under, "nothing"), 0)).rejects.toMatchObject({ code: "not-found" });
	});

	it("that was cut, changed or made up is refused, and leaves nothing", async () => {
		const whole = await taken();
		const changed = Buffer.from(whole);
		changed[whole.indexOf("what it knows")] = 0x57;
		const { description } = await backupOf(from, 1_000);
		const madeUp = async (
			about: unknown,
			...files: readonly { readonly name: string; readonly type?: "symlink" }[]
		) => {
			const archive = pack();
			archive.entry({ name: "backup.json" }, JSON.stringify(about));
			for (const { name, type } of files)
				if (type === undefined) archive.entry({ name }, "x");
				else archive.entry({ name, type, linkname: "/etc/passwd" });
			archive.finalize();
			return bytesOf(archive as unknown as AsyncIterable<Uint8Array>);
		};
		const hash = "0".repeat(64);
		for (const bytes of [
			Buffer.from("no tar at all".repeat(100)),
			Buffer.alloc(0),
			whole.subarray(0, 2_000),
			changed,
			await madeUp({ ...description, version: 2 }),
			await madeUp({ ...description, files: { "../key": hash } }, { name: "state/../key" }),
			await madeUp(description, { name: "../../etc/cron.d/x" }),
			await madeUp(description, { name: "state/journal" }),
			await madeUp(description, { name: "state/journal", type: "symlink" }),
			await madeUp({ ...description, node: "somebodyelse" }),
		])
			await expect(restore(bytes)).rejects.toThrow(/^Cannot restore n1.backup: .*; wanted what `swarm backup` wrote$/);
		expect(existsSync(to)).toBe(false);
		expect(readdirSync(under)).toEqual(["from"]);
	});
});
