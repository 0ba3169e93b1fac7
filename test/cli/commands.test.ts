// What holds for every command file, whichever it is.

import { existsSync, globSync } from "node:fs";
import { describe, expect, it } from "vitest";

const root = new URL("../..", import.meta.url).pathname;
const files = globSync("src/cli/commands/**/*.ts", { cwd: root }).sort();

interface CommandClass {
	readonly summary?: string;
	readonly examples?: readonly unknown[];
	readonly flags?: Readonly<Record<string, { readonly summary?: string }>>;
	readonly baseFlags?: Readonly<Record<string, unknown>>;
	readonly args?: Readonly<Record<string, { readonly description?: string; readonly ignoreStdin?: boolean }>>;
}

describe.each(files)("%s", (file) => {
	it("has a test of the same path", () => {
		expect(existsSync(`${root}${file.replace(/^src/, "test").replace(/\.ts$/, ".test.ts")}`)).toBe(true);
	});

	it("has --json, a summary, at least two examples, and a word on every flag and argument", async () => {
		const { default: Command } = (await import(`${root}${file}`)) as { default: CommandClass };
		expect(Command.summary).toMatch(/\.$/);
		expect(Command.examples?.length).toBeGreaterThanOrEqual(2);
		expect(Command.baseFlags).toHaveProperty("json");
		for (const flag of Object.values(Command.flags ?? {})) expect(flag.summary).toMatch(/\.$/);
		for (const arg of Object.values(Command.args ?? {})) {
			expect(arg.description).toMatch(/\.$/);
			expect(arg.ignoreStdin, "never waits for standard input").toBe(true);
		}
	});
});
