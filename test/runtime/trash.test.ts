import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { silentLogger } from "../../src/log.js";
import { openTrash, WAITING_MAX } from "../../src/runtime/trash.js";
import { until } from "../support/until.js";

let directory: string;
let path: string;
beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), "swarm-trash-"));
	path = join(directory, "removed");
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A container's directory with files, a tree and a link out of it. */
function full(name: string): string {
	const container = join(directory, name);
	mkdirSync(join(container, "upper/deep"), { recursive: true });
	writeFileSync(join(container, "upper/deep/file"), "x");
	symlinkSync(directory, join(container, "link"));
	return container;
}

const remove = (path: string) => rm(path, { recursive: true, force: true });
const open = () => openTrash(path, { remove, clock: systemClock, logger: silentLogger });

describe("trash", () => {
	it("takes a directory away at once and deletes it soon, links and all, but not what they point to", async () => {
		const trash = open();
		trash.take(full("web.0"), "web.0");
		expect(existsSync(join(directory, "web.0"))).toBe(false);
		expect(readdirSync(path)).toHaveLength(1);
		await until("the trash to be emptied", () => readdirSync(path).length === 0);
		expect(existsSync(directory)).toBe(true);
	});

	it("takes the same name again and again, and an absent one without complaint", async () => {
		const trash = open();
		for (let round = 0; round < 3; round++) trash.take(full("web.0"), "web.0");
		trash.take(join(directory, "none"), "none");
		expect(readdirSync(path)).toHaveLength(3);
		await trash.emptied();
		expect(readdirSync(path)).toEqual([]);
	});

	it("deletes what an earlier daemon left", async () => {
		open().take(full("web.0"), "web.0");
		await open().emptied();
		expect(readdirSync(path)).toEqual([]);
	});

	it("goes on after a quiet moment in which nothing was left to delete", async () => {
		const timers = new Set<() => void>();
		const after = (_ms: number, act: () => void) => {
			timers.add(act);
			return () => void timers.delete(act);
		};
		const rings = () => {
			for (const act of timers) act();
			timers.clear();
		};
		let release = () => {};
		const held = (victim: string) => new Promise<void>((resolve) => (release = resolve)).then(() => remove(victim));
		const trash = openTrash(path, { remove: held, clock: { ...systemClock, after }, logger: silentLogger });
		trash.take(full("web.0"), "web.0");
		rings();
		// Comes while the first is being deleted, and is gone before its own quiet moment.
		trash.take(full("web.0"), "web.0");
		for (let left = 2; left > 0; left--) {
			release();
			await until("one less", () => readdirSync(path).length < left);
		}
		rings();
		await new Promise(setImmediate);
		trash.take(full("web.0"), "web.0");
		rings();
		release();
		await until("the trash to be emptied", () => readdirSync(path).length === 0);
	});

	it("does not wait for quiet when too much has gathered", async () => {
		const still = { ...systemClock, after: () => () => {} };
		const trash = openTrash(path, { remove, clock: still, logger: silentLogger });
		for (let count = 0; count <= WAITING_MAX; count++) trash.take(full("web.0"), "web.0");
		await until("the trash to be emptied", () => readdirSync(path).length === 0);
	});
});
