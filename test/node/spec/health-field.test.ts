import { describe, expect, it } from "vitest";
import { healthCheckInWords } from "../../../src/node/spec/health-field.js";
import { validateSpec } from "../../../src/node/spec/validate-spec.js";

const healthOf = (health: unknown, rest: object = {}) => validateSpec({ name: "web", health, ...rest }).health;
const standard = { intervalMs: 10_000, timeoutMs: 5_000, retries: 3, startPeriodMs: 0 };

function nested(depth: number): unknown {
	let list: unknown[] = [];
	for (let level = 0; level < depth; level++) list = [list];
	return list;
}

describe("a health check", () => {
	it("is read from the forms that people write", () => {
		expect(healthOf({ command: ["redis-cli", "ping"] })).toEqual({
			...standard,
			probe: { kind: "command", command: ["redis-cli", "ping"] },
		});
		expect(healthOf({ http: "8080/ready?full=1", interval: "2s", startPeriod: "1m" })).toEqual({
			...{ ...standard, intervalMs: 2_000, startPeriodMs: 60_000 },
			probe: { kind: "http", port: 8080, path: "/ready?full=1" },
		});
		expect(healthOf({ http: 80 })?.probe).toEqual({ kind: "http", port: 80, path: "/" });
		expect(healthOf({ tcp: 6379, timeout: "250ms", retries: 1 })).toMatchObject({ timeoutMs: 250, retries: 1 });
	});

	it("is taken again as it was given back", () => {
		for (const health of [{ command: ["x"] }, { http: ":80/a" }, { tcp: "1" }]) {
			const read = healthOf(health);
			expect(healthOf(JSON.parse(JSON.stringify(read)))).toEqual(read);
		}
	});

	it("is refused in words, however deep what is given is nested", () => {
		expect(() => healthOf({ tcp: 80, interval: nested(50_000) })).toThrow(
			"health.interval is a list, wanted a duration from 100ms",
		);
	});

	it.each([
		[{}, {}, "health is given without a check, wanted one of command, http and tcp"],
		[{ tcp: 1, http: 2 }, {}, "health is given with http and tcp, wanted one of"],
		[{ tcp: 70_000 }, {}, "health.tcp is the number 70000, wanted a port in the container"],
		[{ http: "/ready" }, {}, 'health.http is "/ready", wanted a port and a path'],
		[{ command: "x" }, {}, 'health.command is "x", wanted a list of 1 to 512 texts'],
		[{ tcp: 80, interval: "1ms" }, {}, 'health.interval is "1ms", wanted a duration from 100ms'],
		[{ tcp: 80, interval: { toString: 1 } }, {}, "health.interval is a group of fields, wanted a duration"],
		[
			{ probe: { kind: "http", port: 80, path: { toString: 1 } } },
			{},
			"health.probe.path is a group of fields, wanted a path in the container",
		],
		[{ probe: { kind: "http", port: 80, path: "80/x" } }, {}, 'health.probe.path is "80/x"'],
		[{ tcp: 80, retries: 0 }, {}, "health.retries is the number 0"],
		[{ tcp: 80, intervall: "1s" }, {}, "health.intervall is not a known field"],
		[{ tcp: 80 }, { network: "none" }, "health.tcp is given with network none, wanted network bridge, or a command"],
	])("refuses %j with what is wanted", (health, rest, sentence) => {
		expect(() => healthOf(health, rest)).toThrow(sentence);
	});

	it("reads as one line", () => {
		const words = [{ command: ["a", "b"] }, { http: "80/x" }, { tcp: 6379, interval: "500ms" }].map((given) => {
			const health = healthOf(given);
			return health === null ? "" : healthCheckInWords(health);
		});
		expect(words).toEqual(["a b every 10 s", "http 80/x every 10 s", "tcp 6379 every 0.5 s"]);
	});
});
