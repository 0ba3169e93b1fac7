import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { SwarmError } from "../../src/errors.js";
import { createLogger } from "../../src/log.js";
import { containerIdOf } from "../../src/model.js";
import { nativePaths } from "../../src/native/paths.js";
import { openSpares, SPARES_KEPT, type SparesOptions } from "../../src/runtime/spares.js";
import { temporaryDirectory } from "../support/temporary.js";

const web = containerIdOf("web", 0);

/** Makes directories like the C library, and counts. */
function world(stateDirectory: string) {
	const said: string[] = [];
	const discarded: string[] = [];
	const counts = { made: 0, failing: false };
	const native: SparesOptions["native"] = {
		directorySpread: () => {},
		async containerDirectoryMake(path) {
			if (counts.failing) throw new SwarmError("failed", "Cannot make it: the disk is full");
			if (existsSync(path)) throw new SwarmError("conflict", "Cannot make it: it is there");
			mkdirSync(path);
			writeFileSync(join(path, "launch"), "");
			counts.made += 1;
		},
	};
	const trash = { take: (path: string) => void discarded.push(path), emptied: async () => {} };
	const logger = createLogger((line) => void said.push(line), "warn");
	const cgroups = { prepare: () => "/", discard: async () => {} };
	const ids = { take: never, release: () => {} };
	const standing = { native: { spawnConnected: never }, paths: nativePaths(), cgroups, clock: systemClock, ids };
	const open = () =>
		openSpares({ stateDirectory, native, standing, standingMax: 0, trash, clock: systemClock, logger });
	return { said, discarded, counts, open, pathOf: (name: string) => join(stateDirectory, "containers", name) };
}

function never(): never {
	throw new Error("nothing is to stand ready");
}

describe("spare directories", () => {
	it("stand ready before they are asked for, and more are made when more are wanted", async () => {
		const state = await temporaryDirectory();
		const { open, counts, pathOf } = world(state);
		const spares = open();
		const ids = Array.from({ length: SPARES_KEPT + 3 }, (_, index) => containerIdOf("web", index));
		await Promise.all(ids.map((id) => spares.place(id, pathOf(id), "plain")));
		await spares.close();
		for (const id of ids) expect(existsSync(join(pathOf(id), "launch"))).toBe(true);
		expect(counts.made).toBeLessThanOrEqual(ids.length + SPARES_KEPT + 1);
	});

	it("refuse a place that is taken, and leave what is there", async () => {
		const state = await temporaryDirectory();
		const { open, pathOf } = world(state);
		const spares = open();
		await spares.place(web, pathOf(web), "plain");
		writeFileSync(join(pathOf(web), "record.json"), "{}");
		await expect(spares.place(web, pathOf(web), "plain")).rejects.toMatchObject({ code: "conflict" });
		expect(existsSync(join(pathOf(web), "record.json"))).toBe(true);
		await spares.close();
	});

	it("throw away what a killed daemon left of them", async () => {
		const state = await temporaryDirectory();
		mkdirSync(join(state, "spares/1-2"), { recursive: true });
		const { open, discarded } = world(state);
		await open().close();
		expect(discarded).toEqual([join(state, "spares/1-2")]);
	});

	it("say why none could be made beforehand, and tell the caller when none can be made now", async () => {
		const state = await temporaryDirectory();
		const { open, counts, said, pathOf } = world(state);
		counts.failing = true;
		const spares = open();
		await expect(spares.place(web, pathOf(web), "plain")).rejects.toMatchObject({ code: "failed" });
		await spares.close();
		expect(said.join()).toMatch(/disk is full/);
		expect(readdirSync(join(state, "containers"))).toEqual([]);
	});
});
