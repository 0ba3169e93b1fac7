// config.md#mounts: words as attributes, and what a cgroup mount becomes on both kinds of machine.

import { describe, expect, it } from "vitest";
import { decodeMountOptions, MS_PRIVATE, MS_SLAVE } from "../../../src/oci/config/mount-options.js";
import { hybridTrees, placeOn, planOf, pureTrees, valuesOf } from "../support/place.js";

describe("config.md#linux-mount-options", () => {
	it("lets the later word win", () => {
		expect(decodeMountOptions(["ro", "rw"])).toMatchObject({ set: 0, clear: 1 });
		expect(decodeMountOptions(["rw", "ro"])).toMatchObject({ set: 1, clear: 0 });
	});

	it("names the whole rule of access times with each of them", () => {
		expect(decodeMountOptions(["noatime"])).toMatchObject({ set: 0x10, clear: 0x70 });
		expect(decodeMountOptions(["noatime", "strictatime"])).toMatchObject({ set: 0x20, clear: 0x70 });
		expect(decodeMountOptions(["relatime"])).toMatchObject({ set: 0, clear: 0x70 });
	});

	it("tells one mount from the whole tree", () => {
		const options = decodeMountOptions(["rbind", "rro", "nosuid", "rprivate", "slave"]);
		expect(options).toMatchObject({
			bind: "recursive",
			set: 2,
			setBelow: 1,
			propagation: MS_SLAVE,
			propagationBelow: MS_PRIVATE,
		});
	});

	it("hands on what it does not know to the file system, and drops what changes nothing", () => {
		expect(decodeMountOptions(["defaults", "size=64k", "async", "sync"]).data).toEqual(["size=64k", "sync"]);
	});
});

describe("config.md#mounts", () => {
	const mounts = (...list: readonly object[]) => valuesOf(planOf({ mounts: list }), "mount");

	it("takes sources of the bundle, and normal paths inside", () => {
		const [one, two] = mounts(
			{ destination: "/a/../b//c/", type: "none", source: "data", options: ["bind"] },
			{ destination: "relative", type: "tmpfs", source: "tmpfs" },
		);
		expect(one?.split("\n").slice(0, 5)).toEqual(["0", "bind", "/bundles/web/data", "/b/c", "0"]);
		expect(two?.split("\n").slice(0, 4)).toEqual(["1", "tmpfs", "tmpfs", "/relative"]);
	});

	it.each([
		[{ type: "tmpfs" }, "mounts[0].destination is absent"],
		[{ destination: "/a" }, "mounts[0].type is absent"],
		[{ destination: "/a", options: ["bind"] }, "mounts[0].source is absent"],
		[{ destination: "/a", type: "tmpfs", options: "ro" }, 'mounts[0].options is "ro", wanted a list'],
		[
			{ destination: "/a", type: "none", source: "/b", options: ["bind", "idmap"] },
			'mounts: /a is "idmap", wanted mappings, its own or those of a new user namespace',
		],
		[
			{ destination: "/a", type: "tmpfs", options: ["ridmap"] },
			"mounts[0] is set, but only bind mounts can be id-mapped",
		],
	])("refuses %j", (mount, reason) => {
		expect(() => mounts(mount)).toThrow(reason);
	});

	it("shows files as other users' by mappings of its own or of the container", () => {
		const one = (hostID: number) => [{ containerID: 0, hostID, size: 10 }];
		const bind = { destination: "/a", type: "none", source: "/b", options: ["bind"] };
		const own = planOf({ mounts: [{ ...bind, uidMappings: one(5), gidMappings: one(6) }] });
		expect(valuesOf(own, "mount")[0]).toMatch(/\n1$/);
		expect([valuesOf(own, "mount-uid-map"), valuesOf(own, "mount-gid-map")]).toEqual([["0 5 10"], ["0 6 10"]]);
		const linux = { namespaces: [{ type: "mount" }, { type: "user" }], uidMappings: one(7), gidMappings: one(8) };
		const container = planOf({ linux, mounts: [{ ...bind, options: ["rbind", "ridmap"] }] });
		expect(valuesOf(container, "mount")[0]).toMatch(/\n2$/);
		expect(valuesOf(container, "mount-gid-map")).toEqual(["0 8 10"]);
	});

	it("leaves the devices alone when /dev is bound", () => {
		const bound = planOf({ mounts: [{ destination: "/dev", type: "bind", source: "/dev", options: ["rbind"] }] });
		expect(valuesOf(bound, "sets-up-devices")).toEqual([]);
		expect(valuesOf(planOf({}), "sets-up-devices")).toEqual(["yes"]);
	});
});

describe("a cgroup mount", () => {
	const mount = { mounts: [{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] }] };
	const shown = (trees: typeof pureTrees, change: object = {}) =>
		valuesOf(planOf({ ...mount, ...change }, placeOn(trees)), "mount").map((value) =>
			value.split("\n").slice(0, 4).join(" "),
		);

	it("is the v2 tree on a machine that has only that", () => {
		expect(shown(pureTrees)).toEqual(["1 cgroup2 cgroup2 /sys/fs/cgroup"]);
	});

	it("is every tree side by side on a hybrid one, read-only at the end", () => {
		const all = shown(hybridTrees);
		expect(all[0]).toBe("1 tmpfs tmpfs /sys/fs/cgroup");
		expect(all).toContain("1 cgroup cgroup /sys/fs/cgroup/cpu,cpuacct");
		expect(all).toContain("2  cpu,cpuacct /sys/fs/cgroup/cpu");
		expect(all.slice(-2)).toEqual(["1 cgroup2 cgroup2 /sys/fs/cgroup/unified", "3   /sys/fs/cgroup"]);
	});

	it("is the container's own directory without a cgroup namespace", () => {
		const shared = { linux: { namespaces: [{ type: "mount" }] } };
		expect(shown(pureTrees, shared)).toEqual(["0 bind /sys/fs/cgroup/swarm-oci/c1 /sys/fs/cgroup"]);
	});
});
