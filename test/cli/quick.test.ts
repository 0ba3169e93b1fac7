import { describe, expect, it } from "vitest";
import { plainPsOf } from "../../src/cli/quick.js";

describe("a plain ps", () => {
	it.each([
		[["ps"], { workload: null, state: null, json: false }],
		[["ps", "web"], { workload: "web", state: null, json: false }],
		[["ps", "--json", "web", "--state", "/x"], { workload: "web", state: "/x", json: true }],
	])("is %j", (argv, plain) => expect(plainPsOf(argv)).toEqual(plain));

	it.each([
		[[]],
		[["node", "ps"]],
		[["ps", "--help"]],
		[["ps", "-h"]],
		[["ps", "web", "db"]],
		[["ps", "--state"]],
		[["ps", "--state", "--json"]],
		[["ps", "--state=/x"]],
		[["ps", ""]],
		[["ps", "--", "web"]],
	])("is not %j: the parser proper takes it", (argv) => expect(plainPsOf(argv)).toBeNull());
});
