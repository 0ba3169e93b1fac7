import { describe, expect, it } from "vitest";
import { decodeManifest } from "../../../src/runtime/checkpoint/manifest.js";
import { externalMounts, parseMountinfo } from "../../../src/runtime/checkpoint/mounts.js";

const directory = "/var/lib/stratoswarm/containers/web.0";
const table = `117 113 0:41 / / rw,relatime - overlay overlay rw,lowerdir=lower
119 117 0:52 / /proc rw,nosuid - proc proc rw
120 119 0:52 /sys /proc/sys ro - proc proc rw
121 117 254:0 /lib/stratoswarm/containers/web.0/dev /dev rw - ext4 /dev/vda rw
122 121 254:0 /lib/stratoswarm/containers/web.0/shm /dev/shm rw - ext4 /dev/vda rw
123 121 0:53 / /dev/pts rw - devpts devpts rw
124 119 254:0 /lib/stratoswarm/containers/web.0/dev/null /proc/kcore rw - ext4 /dev/vda rw
125 117 254:0 /usr /usr ro - ext4 /dev/vda rw
126 125 254:0 /odd\\040name /usr/share/odd\\040name ro shared:1 - xfs /dev/vdb rw
`;

describe("the mounts of a container", () => {
	it("that come from the host are external, with the place where the other node has them", () => {
		const externals = externalMounts(parseMountinfo(table), directory, ["/usr"]);
		expect(externals.map(({ point, place }) => [point, place.kind, "path" in place ? place.path : place.name])).toEqual(
			[
				["/dev", "container", "dev"],
				["/dev/shm", "container", "shm"],
				["/proc/kcore", "container", "dev/null"],
				["/usr", "host", "/usr"],
				["/usr/share/odd name", "host", "/usr/share/odd name"],
			],
		);
		expect(new Set(externals.map(({ key }) => key)).size).toBe(externals.length);
	});

	it("are the volume that they show, wherever that is mounted", () => {
		const shown = (point: string) => (point === "/usr" ? ({ kind: "volume", name: "data" } as const) : null);
		const externals = externalMounts(parseMountinfo(table), directory, ["/usr"], shown);
		expect(externals.find(({ point }) => point === "/usr")?.place).toEqual({ kind: "volume", name: "data" });
	});

	it("are refused when no other node has them", () => {
		const nfs = `${table}130 117 0:60 / /data rw - nfs4 server:/x rw\n`;
		expect(() => externalMounts(parseMountinfo(nfs), directory, ["/usr"])).toThrow(/\/data is a mount of type nfs4/);
	});
});

describe("a manifest that came from another node", () => {
	const good = {
		version: 1,
		criuVersion: "4.2.1",
		pipes: { stdout: 10, stderr: 11 },
		externals: [{ key: "m0", point: "/dev", place: { kind: "container", path: "dev" } }],
		userNamespace: true,
	};

	it("is taken when it verifies, also one from before user namespaces moved", () => {
		expect(decodeManifest(good)).toEqual(good);
		const { userNamespace: _, ...older } = good;
		expect(decodeManifest(older).userNamespace).toBe(false);
	});

	it.each([
		[{ version: 2 }],
		[{ pipes: { stdout: "7]:x", stderr: 1 } }],
		[{ externals: [{ key: "m0]:/", point: "/dev", place: { kind: "container", path: "dev" } }] }],
		[{ externals: [{ key: "m0", point: "/dev", place: { kind: "container", path: "../../etc" } }] }],
		[{ externals: [{ key: "m0", point: "/dev", place: { kind: "container", path: "upper" } }] }],
		[{ externals: [{ key: "m0", point: "/x", place: { kind: "host", path: "/usr/../etc" } }] }],
	])("is refused with %j", (changes) => {
		expect(() => decodeManifest({ ...good, ...changes })).toThrow(/Cannot read a checkpoint's manifest/);
	});
});
