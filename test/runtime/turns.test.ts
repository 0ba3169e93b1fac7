import { describe, expect, it } from "vitest";
import { containerIdOf } from "../../src/model.js";
import { createTurns, TURNS_WAITING_MAX } from "../../src/runtime/turns.js";

const web = containerIdOf("web", 0);
const db = containerIdOf("db", 0);

describe("turns", () => {
	it("runs the calls of one container in order and those of others beside them", async () => {
		const turns = createTurns();
		const seen: string[] = [];
		const gate = Promise.withResolvers<void>();
		const first = turns.take(web, async () => {
			await gate.promise;
			seen.push("web 1");
		});
		const second = turns.take(web, async () => void seen.push("web 2"));
		await turns.take(db, async () => void seen.push("db"));
		gate.resolve();
		await Promise.all([first, second]);
		expect(seen).toEqual(["db", "web 1", "web 2"]);
	});

	it("goes on after a call that failed, and gives the failure to its caller alone", async () => {
		const turns = createTurns();
		const failing = turns.take(web, () => Promise.reject(new Error("no")));
		const next = turns.take(web, async () => 7);
		await expect(failing).rejects.toThrow("no");
		expect(await next).toBe(7);
		await turns.idle();
	});

	it("refuses more waiting calls than the named maximum", async () => {
		const turns = createTurns();
		const gate = Promise.withResolvers<void>();
		const taken = Array.from({ length: TURNS_WAITING_MAX }, () => turns.take(web, () => gate.promise));
		await expect(turns.take(web, async () => {})).rejects.toMatchObject({ code: "refused", retryable: true });
		gate.resolve();
		await Promise.all(taken);
		expect(await turns.take(web, async () => 1)).toBe(1);
	});
});
