import { describe, expect, it } from "vitest";
import type { VolumeMount } from "../../../src/model.js";
import { validateSpec } from "../../../src/node/spec/validate-spec.js";
import { volumeInWords } from "../../../src/node/spec/volumes.js";

const read = (volumes: unknown, tmpfs: unknown = undefined) => validateSpec({ name: "db", volumes, tmpfs });

describe("volumes of a spec", () => {
	it("are read as people write them, in the order of their targets", () => {
		expect(
			read(["data:/var/lib/db", "/srv/site:/a:ro", "/mnt/nfs:/b:shared", "conf:/etc/x:ro"], ["/run:size=16M"]).volumes,
		).toEqual([
			{ kind: "bind", source: "/srv/site", target: "/a", readOnly: true, shared: false },
			{ kind: "bind", source: "/mnt/nfs", target: "/b", readOnly: false, shared: true },
			{ kind: "volume", name: "conf", target: "/etc/x", readOnly: true },
			{ kind: "tmpfs", target: "/run", sizeBytes: 16 * 1024 ** 2 },
			{ kind: "volume", name: "data", target: "/var/lib/db", readOnly: false },
		] satisfies readonly VolumeMount[]);
	});

	it("are the same again as fields, and in words", () => {
		const { volumes } = read(["data:/d:ro", "/mnt:/b:ro:shared"], ["/run"]);
		expect(read(volumes.filter(({ kind }) => kind !== "tmpfs")).volumes).toHaveLength(2);
		expect(validateSpec({ name: "db", volumes }).volumes).toEqual(volumes);
		expect(volumes.map(volumeInWords)).toEqual([
			"/mnt:/b:ro:shared",
			"data:/d:ro",
			`tmpfs:/run:size=${64 * 1024 ** 2}`,
		]);
	});

	it("make a workload exclusive where one of them has a name, unless it says otherwise", () => {
		expect(read(["data:/d"]).policy).toBe("exclusive");
		expect(read(["/srv:/d"], ["/run"]).policy).toBe("available");
		expect(validateSpec({ name: "db", volumes: ["data:/d"], policy: "available" }).policy).toBe("available");
	});

	it.each([
		"data",
		"data:",
		"data:relative",
		"./data:/d",
		"../data:/d",
		"Data:/d",
		"-data:/d",
		"data:/",
		"data:/a/../b",
		"data:/a/./b",
		"data:/a//b",
		"data:/a/",
		"data:/a:ro:rw",
		"data:/a:shared",
		"data:/a:size=1G",
		"/srv/../etc:/a",
		"/srv\n:/a",
		{ kind: "volume", name: "data", target: "/d", readOnly: false, other: 1 },
		{ kind: "tmpfs", target: "/d" },
		7,
	])("refuse %j and say what is wanted", (given) => {
		expect(() => read([given])).toThrow(/volumes\[0\].*wanted VOLUME:\/path/);
	});

	it.each(["/run:size=0", "/run:size=1K", "/run:ro", "run", "/"])("refuse %j as memory", (given) => {
		expect(() => read([], [given])).toThrow(/tmpfs\[0\].*wanted \/path or \/path:size=16M/);
	});

	it("refuse a target that the runtime itself mounts, and one that is given twice", () => {
		for (const target of ["/proc", "/proc/sys", "/sys", "/dev/shm"])
			expect(() => read([`data:${target}`])).toThrow(/outside \/proc, \/sys and \/dev/);
		expect(read(["data:/process"]).volumes).toHaveLength(1);
		expect(() => read(["a:/x", "b:/x"])).toThrow(/\/x a second time/);
		expect(() => read(["a:/x", "a:/y:ro"])).toThrow(/a a second time, wanted every volume once/);
	});
});
