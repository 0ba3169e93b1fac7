import { describe, expect, it } from "vitest";
import { imageName, normalizedName, parseReference } from "../../../src/runtime/image/name.js";

describe("image names", () => {
	it.each([
		["redis", "redis:latest"],
		["redis:7", "redis:7"],
		["docker.io/library/redis:7", "redis:7"],
		["docker.io/user/app", "user/app:latest"],
		["localhost:5000/app", "localhost:5000/app:latest"],
		["ghcr.io/a/b:v1", "ghcr.io/a/b:v1"],
		["host", "host"],
	])("reads %s as %s", (given, name) => {
		expect(normalizedName(given)).toBe(name);
	});

	it.each(["", "Redis", "a b", "../etc", "/etc", "a:", ":x", "a:b:c/", `a${"b".repeat(200)}`, "a\n", "a//b"])(
		"refuses %j",
		(given) => {
			expect(normalizedName(given)).toBeNull();
			expect(() => imageName(given, "--name")).toThrow(/--name is .*wanted NAME\[:TAG\]/);
		},
	);

	it("keeps host for the embedded image", () => {
		expect(() => imageName("host:7", "--name")).toThrow(/embedded image/);
		expect(parseReference("host")).toEqual({ kind: "host" });
	});

	it("tells a digest from a name", () => {
		const digest = `sha256:${"a".repeat(64)}`;
		expect(parseReference(digest)).toEqual({ kind: "digest", digest });
		expect(parseReference("sha256:abc")).toEqual({ kind: "name", name: "sha256:abc" });
	});
});
