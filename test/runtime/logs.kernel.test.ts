// A log bomb: what a container prints without end takes no more of the disk than its spec allows, and who follows it misses nothing of
// what is kept.

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { containerIdOf } from "../../src/model.js";
import { createRequest } from "../support/create-request.js";
import { missingForContainers, type NativeWorld, openNativeWorld, untilEnded } from "../support/native-world.js";

const missing = missingForContainers();
const MIB = 2 ** 20;
const web = containerIdOf("web", 0);
const never = new AbortController().signal;
const LINES = 600_000;

describe.skipIf(missing !== null)(`logs on the kernel${missing === null ? "" : ` (needs ${missing})`}`, () => {
	let world: NativeWorld;
	beforeEach(async () => {
		world = await openNativeWorld();
	});
	afterEach(() => world.dispose());

	const start = async (script: string) => {
		const command = ["/bin/sh", "-c", script];
		await world.runtime.create(createRequest(web, { command, image: world.image, logBytesMax: MIB }), never);
		await world.runtime.start(web, 1, never);
	};
	const bytesOnDisk = () => {
		const path = join(world.stateDirectory, "containers", web, "log");
		return readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);
	};
	const numbersOf = async (tail: number | null) => {
		const numbers: number[] = [];
		const options = { tail, sinceMs: null, follow: false, stream: null };
		for await (const line of world.runtime.logs(web, options, never)) numbers.push(Number(line.text));
		return numbers;
	};

	it("keep the newest lines of a program that prints far more than they may hold, in order and without a gap", async () => {
		await start(`seq 1 ${LINES}`);
		await untilEnded(world.runtime, web);
		expect(bytesOnDisk()).toBeLessThanOrEqual(MIB);
		const kept = await numbersOf(null);
		expect(kept.at(-1)).toBe(LINES);
		expect(kept.length).toBeGreaterThan(10_000);
		expect(kept).toEqual(kept.map((_, index) => (kept[0] ?? 0) + index));
		expect(await numbersOf(20_000)).toEqual(kept.slice(-20_000));
	});

	it("are followed while their files change, in order, to the last line", async () => {
		await start(`seq 1 ${LINES}`);
		let last = 0;
		const options = { tail: null, sinceMs: null, follow: true, stream: null };
		for await (const line of world.runtime.logs(web, options, never)) {
			const number = Number(line.text);
			// Not always the next: a reader that is slower than the program finds the oldest lines gone.
			expect(number).toBeGreaterThan(last);
			last = number;
		}
		expect(last).toBe(LINES);
		expect(bytesOnDisk()).toBeLessThanOrEqual(MIB);
	});
});
