import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockState } from "../../src/node/settings.js";

let directory: string;
let path: string;
beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "swarm-lock-"));
	path = join(directory, "lock");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("the lock of a state directory", () => {
	it("is held by one process until it lets go", async () => {
		const release = await lockState(path);
		await expect(lockState(path)).rejects.toMatchObject({ code: "conflict" });
		await release();
		await (await lockState(path))();
	});

	it("is free when its holder was of another boot, also when this process has the same numbers", async () => {
		await lockState(path);
		const [pid, startTime] = (await readFile(path, "utf8")).split(" ");
		await writeFile(path, `${pid} ${startTime} 5d1fe8a3-0000-4000-8000-000000000000\n`);
		await (await lockState(path))();
	});

	it.each(["", "12", "nonsense of a torn write"])("is free when it says %j", async (text) => {
		await writeFile(path, text);
		await (await lockState(path))();
	});
});
