import { describe, expect, it } from "vitest";
import { isGiven, optionOf, parseArguments } from "../../src/oci/arguments.js";

const forms = {
	root: { takesValue: true, says: "" },
	debug: { takesValue: false, alias: "d", says: "" },
	env: { takesValue: true, alias: "e", repeats: true, says: "" },
};

describe("the command line of an OCI runtime", () => {
	it("leaves what stands behind the sub-command to it", () => {
		const given = parseArguments(["--root", "/r", "-d", "create", "--bundle", "/b", "c1"], forms, 1);
		expect(optionOf(given, "root")).toBe("/r");
		expect(isGiven(given, "debug")).toBe(true);
		expect(given.positional).toEqual(["create", "--bundle", "/b", "c1"]);
	});

	it("takes --name=value, one dash, repeated options and switches that are taken back", () => {
		const given = parseArguments(["-root=/a=b", "-e", "A=1", "--env=B=2", "--debug=false"], forms, 1);
		expect(optionOf(given, "root")).toBe("/a=b");
		expect(given.options.get("env")).toEqual(["A=1", "B=2"]);
		expect(isGiven(given, "debug")).toBe(false);
	});

	it("keeps the words of a program that is run inside", () => {
		expect(parseArguments(["c1", "ls", "-l", "--root"], forms, 1).positional).toEqual(["c1", "ls", "-l", "--root"]);
		expect(parseArguments(["c1", "--", "ls", "--"], forms, 1).positional).toEqual(["c1", "ls", "--"]);
	});

	it.each([
		[["--nothing"], "--nothing is no option here"],
		[["--root"], "--root wants a value"],
		[["--debug=1"], "--debug takes no value"],
	])("refuses %j", (argv, reason) => {
		expect(() => parseArguments(argv, forms, 1)).toThrow(reason);
	});
});
