import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { daemonPidOf, lockState } from "../../src/node/state-lock.js";

let directory: string;
let path: string;
beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "swarm-lock-"));
	path = join(directory, "lock");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("the lock of a state directory", () => {
	it("is held by one process until it lets go, and says by which", async () => {
		const release = await lockState(directory);
		await expect(lockState(directory)).rejects.toMatchObject({
			code: "conflict",
			message: expect.stringContaining(`a daemon (pid ${process.pid}) already runs in ${directory}`),
		});
		expect(await daemonPidOf(directory)).toBe(process.pid);
		await release();
		expect(await daemonPidOf(directory)).toBeNull();
		await (await lockState(directory))();
	});

	it("is taken by one of many that start at the same moment", async () => {
		const results = await Promise.allSettled(Array.from({ length: 20 }, () => lockState(directory)));
		const taken = results.filter((result) => result.status === "fulfilled");
		expect(taken).toHaveLength(1);
		await taken[0]?.value();
	});

	it("goes with a process that is killed", async () => {
		const holder = spawn("flock", ["--no-fork", path, "sh", "-c", "echo held; exec sleep 1000"], {
			stdio: ["ignore", "pipe", "ignore"],
		});
		await once(holder.stdout, "data");
		await expect(lockState(directory)).rejects.toMatchObject({ code: "conflict" });
		const ended = once(holder, "close");
		holder.kill("SIGKILL");
		await ended;
		await (await lockState(directory))();
	});

	it.each(["", "12", "nonsense of a torn write", `${process.pid} 1 5d1fe8a3-0000-4000-8000-000000000000`])(
		"is free when nobody holds it and it says %j",
		async (text) => {
			await writeFile(path, text);
			expect(await daemonPidOf(directory)).toBeNull();
			await (await lockState(directory))();
		},
	);
});
