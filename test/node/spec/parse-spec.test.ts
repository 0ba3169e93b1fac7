import { describe, expect, it, vi } from "vitest";
import { parseSpec } from "../../../src/node/spec/parse-spec.js";

describe("parseSpec", () => {
	it("reads a spec as people write it", () => {
		const spec = parseSpec(`
# a web server
name: web
image: nginx:1.27
command: [sleep, 3600]
env:
  DEBUG: true
  VERSION: 1.10
resources: { cpus: 0.5, memory: 256M }
ports:
  - "8080:80"
replicas: 2
`);
		expect(spec).toMatchObject({ name: "web", image: "nginx:1.27", replicas: 2, command: ["sleep", "3600"] });
		expect(spec.env).toEqual({ DEBUG: "true", VERSION: "1.10" });
		expect(spec.ports).toEqual([{ host: 8080, container: 80, protocol: "tcp" }]);
	});

	it.each([
		["a wrong value", "name: web\nimage: host\nresources:\n  memory: 12Q\n", 'line 4: resources.memory is "12Q"'],
		["an unknown field", "name: web\nimage: host\nport: 80\n", "line 3: port is not a known field"],
		["a wrong list item", "name: web\nimage: host\nports:\n  - '80'\n  - x\n", 'line 5: ports[1] is "x"'],
		["an empty variable", "name: web\nimage: host\nenv:\n  A:\n", "line 4: env.A is empty, wanted text"],
		["a missing field", "image: host\n", "line 1: name is missing"],
		["broken YAML", "name: web\nimage: [host\nenv: {}\n", /line \d: .*wanted valid YAML/],
		["a field given twice", "name: web\nname: web\nimage: host\n", "line 2: Map keys must be unique"],
		["an empty file", "", "the spec is empty"],
		["a bomb of aliases", bomb(), "Cannot"],
	])("gives the line of %s", (_, text, sentence) => {
		expect(() => parseSpec(text)).toThrow(sentence);
		expect(() => parseSpec(text)).toThrow(expect.objectContaining({ code: "usage" }));
	});

	it("says of a list as a key that it is no field, and nothing else", () => {
		const warnings = vi.spyOn(process, "emitWarning");
		try {
			expect(() => parseSpec("name: web\n? [a, b]\n: 1\n")).toThrow(/is not a known field/);
			expect(warnings).not.toHaveBeenCalled();
		} finally {
			warnings.mockRestore();
		}
	});

	it("refuses a file that is too large before reading it", () => {
		expect(() => parseSpec(`#${"x".repeat(300_000)}`)).toThrow(/it has 300001 bytes, wanted at most 262144/);
	});
});

function bomb(): string {
	const lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"];
	for (let level = 1; level < 8; level++) {
		lines.push(
			`a${level}: &a${level} [${Array(8)
				.fill(`*a${level - 1}`)
				.join(", ")}]`,
		);
	}
	return `${lines.join("\n")}\n`;
}

it.each(["[".repeat(200), "{".repeat(200), "- ".repeat(20_000), `  ${"? ".repeat(200)}`])(
	"refuses what is nested too deep before it is read (%#)",
	(text) => expect(() => parseSpec(text)).toThrow(/nested over 100 levels/),
);

it("takes brackets in texts and comments", () => {
	const text = `# ${"[x] ".repeat(300)}\nname: web\ncommand: ["sh", "-c", "${"[ -f a ] && { b; }; ".repeat(150)}"]\n`;
	expect(parseSpec(text).name).toBe("web");
});
