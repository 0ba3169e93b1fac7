import { execFileSync } from "node:child_process";
import {
	appendFileSync,
	chmodSync,
	linkSync,
	mkdirSync,
	mkdtempSync,
	renameSync,
	rmSync,
	symlinkSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { changesBetween, scanTree, type TreeScan } from "../../src/migration/tree-scan.js";

const FAR = 10 ** 15;

describe("what changed below a directory", () => {
	let root: string;
	let before: TreeScan;
	beforeEach(async () => {
		root = mkdtempSync(join(tmpdir(), "swarm-scan-"));
		mkdirSync(join(root, "a/b"), { recursive: true });
		for (const name of ["a/one", "a/b/two", "a/b/three", "four"]) writeFileSync(join(root, name), name);
		before = await scanTree(root, false);
	});
	afterEach(() => rmSync(root, { recursive: true, force: true }));
	const changes = async (sinceMs = FAR) => changesBetween(before, await scanTree(root, false), sinceMs);

	it("is nothing when nothing did", async () => {
		expect(await changes()).toEqual({ changed: [], removed: [] });
	});

	it("is what was written, also when its time was set back and its size is the same, with the directories above it", async () => {
		writeFileSync(join(root, "a/b/two"), "a/b/TWO");
		utimesSync(join(root, "a/b/two"), 1, 1);
		chmodSync(join(root, "four"), 0o600);
		expect(await changes()).toEqual({ changed: ["", "a", "a/b", "a/b/two", "four"], removed: [] });
	});

	it("is what is new and what is gone, the topmost of it", async () => {
		renameSync(join(root, "a/b"), join(root, "c"));
		rmSync(join(root, "four"));
		const { changed, removed } = await changes();
		expect(changed).toEqual(expect.arrayContaining(["", "a", "c", "c/two", "c/three"]));
		expect([...removed].sort()).toEqual(["a/b", "four"]);
	});

	it("is a name that stands for something else now: a directory for a link, a file for a directory", async () => {
		rmSync(join(root, "a/b"), { recursive: true });
		symlinkSync("/etc", join(root, "a/b"));
		rmSync(join(root, "four"));
		mkdirSync(join(root, "four"));
		const { changed, removed } = await changes();
		expect([...removed].sort()).toEqual(["a/b", "four"]);
		expect(changed).toEqual(expect.arrayContaining(["a/b", "four"]));
		expect(changed).not.toContain("a/b/two");
	});

	it("is every name of a file that got another one", async () => {
		linkSync(join(root, "a/one"), join(root, "a/again"));
		expect((await changes()).changed).toEqual(["", "a", "a/again", "a/one"]);
	});

	it("is what changed at the time of the first look, whatever it looks like now", async () => {
		expect((await changes(Date.now() - 60_000)).changed).toEqual([
			"",
			"a",
			"a/b",
			"a/b/three",
			"a/b/two",
			"a/one",
			"four",
		]);
	});

	it("takes names of any bytes", async () => {
		execFileSync("sh", ["-c", "touch \"$(printf 'x\\n y\\377')\" './-rf'"], { cwd: root });
		appendFileSync(join(root, "four"), "more");
		expect((await changes()).changed).toEqual(["", "-rf", "four", "x\n y\xff"]);
	});
});
