import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { silentLogger } from "../../src/log.js";
import type { ContainerId } from "../../src/model.js";
import { LEFTOVERS_WAITING_MAX, openLeftovers } from "../../src/runtime/leftovers.js";
import { until } from "../support/until.js";

const id = (name: string) => name as ContainerId;

/** A clock whose quiet moments come when told; what a caller waits for comes without them. */
function world() {
	const timers = new Set<() => void>();
	const after = (_ms: number, act: () => void) => {
		timers.add(act);
		return () => void timers.delete(act);
	};
	const emptied: string[] = [];
	const trash = { emptied: async () => void emptied.push("trash") };
	const leftovers = openLeftovers({ trash, clock: { ...systemClock, after }, logger: silentLogger });
	const gone: string[] = [];
	const add = (name: string) => leftovers.add(id(name), async () => void gone.push(name));
	const quiet = () => {
		for (const act of [...timers]) act();
	};
	return { leftovers, emptied, gone, add, quiet, timers };
}

describe("what containers leave", () => {
	it("stays until a moment in which nothing was added, then goes in its order", async () => {
		const { gone, add, quiet, timers } = world();
		add("a.0");
		add("b.0");
		expect([gone.length, timers.size]).toEqual([0, 1]);
		quiet();
		await until("both to be gone", () => gone.length === 2, 30_000);
		expect(gone).toEqual(["a.0", "b.0"]);
	});

	it("is gone when somebody needs its name, and costs nobody else a wait", async () => {
		const { leftovers, gone, add } = world();
		await leftovers.gone(id("a.0"));
		add("a.0");
		await leftovers.gone(id("a.0"));
		expect(gone).toEqual(["a.0"]);
	});

	it("does not pile up while there is no quiet moment", async () => {
		const { gone, add } = world();
		for (let count = 0; count <= LEFTOVERS_WAITING_MAX; count++) add(`a.${count}`);
		await until("all to be gone", () => gone.length === LEFTOVERS_WAITING_MAX + 1, 30_000);
	});

	it("is all gone, the trash too, when that is waited for, also what was added meanwhile", async () => {
		const { leftovers, emptied, gone, add } = world();
		leftovers.add(id("a.0"), async () => add("b.0"));
		await leftovers.emptied();
		expect(gone).toEqual(["b.0"]);
		expect(emptied).toEqual(["trash"]);
	});

	it("that cannot be removed is not in the way of the others", async () => {
		const { leftovers, gone, add } = world();
		leftovers.add(id("a.0"), async () => {
			throw new Error("busy");
		});
		add("b.0");
		await leftovers.emptied();
		expect(gone).toEqual(["b.0"]);
	});
});
