import { describe, expect, it } from "vitest";
import {
	compare,
	ownChecks,
	refusalOf,
	type SourceFacts,
	type TargetFacts,
	verdictOf,
} from "../../src/migration/verdict.js";
import { containerIdOf, type NodeId, standardSecurity } from "../../src/model.js";
import { tiesOf } from "../../src/runtime/security/launch-security.js";

const MIB = 2 ** 20;
const web = containerIdOf("web", 0);
const [n1, n2] = ["n1", "n2"] as NodeId[] as [NodeId, NodeId];
const machine = {
	architecture: "x64",
	cpuFlags: ["sse2", "avx"],
	kernel: "6.12",
	criuVersion: "4.2.1",
	kernelFeatures: ["overlay"],
};
const source: SourceFacts = {
	machine,
	phase: "running",
	memoryBytes: 100 * MIB,
	fileBytes: 10 * MIB,
	imageName: "redis:7",
	imageDigest: `sha256:${"a".repeat(64)}`,
	address: "10.99.0.5",
	ports: [{ host: 80, container: 80, protocol: "tcp" }],
	memoryBytesRequested: 200 * MIB,
	volumes: [],
	userNamespace: true,
};
const target: TargetFacts = {
	machine,
	diskBytesFree: 10_000 * MIB,
	memoryBytesFree: 1_000 * MIB,
	holdsContainer: false,
	addressHolder: null,
	portHolder: null,
	imageState: { kind: "present" },
	leaving: false,
	volumesHere: [],
	pathsLacking: [],
	userNamespaceLack: null,
};
const refusedBy = (changes: Partial<TargetFacts>, of: Partial<SourceFacts> = {}) =>
	compare({ ...source, ...of }, { ...target, ...changes }).filter(({ ok }) => !ok);

describe("the verdict of a move", () => {
	it("passes every check between two nodes alike", () => {
		expect(refusedBy({})).toEqual([]);
	});

	it("accepts a target with more CPU features and refuses one with fewer, naming them", () => {
		expect(refusedBy({ machine: { ...machine, cpuFlags: ["avx", "avx2", "sse2"] } })).toEqual([]);
		const [refusal] = refusedBy({ machine: { ...machine, cpuFlags: ["sse2"] } });
		expect(refusal).toMatchObject({ check: "cpu", target: "lacks avx" });
	});

	it.each([
		["architecture", { machine: { ...machine, architecture: "arm64" } }],
		["criu", { machine: { ...machine, criuVersion: "4.1" } }],
		["criu", { machine: { ...machine, criuVersion: null, ties: ["uses devices of its node (/dev/fuse)"] } }],
		["kernel", { machine: { ...machine, kernelFeatures: [] } }],
		["space", { diskBytesFree: 200 * MIB }],
		["memory", { memoryBytesFree: 150 * MIB }],
		["image", { imageState: { kind: "differs", digest: `sha256:${"b".repeat(64)}` } }],
		["container", { holdsContainer: true }],
		["address", { addressHolder: containerIdOf("db", 0) }],
		["ports", { portHolder: { port: "tcp/80", container: containerIdOf("db", 0) } }],
		["staying", { leaving: true }],
		["user namespace", { userNamespaceLack: "no layers by descriptor" }],
	] as const)("refuses by %s", (name, changes) => {
		const refusals = refusedBy(changes as Partial<TargetFacts>);
		expect(refusals.map(({ check }) => check)).toEqual([name]);
		expect(refusals[0]?.reason).not.toBe("");
	});

	it("counts what has to be fetched of the image against the target's disk", () => {
		const missing = { kind: "missing", bytes: 5_000 * MIB } as const;
		expect(refusedBy({ imageState: missing })[0]?.check).toBe("space");
		expect(refusedBy({ imageState: { kind: "missing", bytes: 500 * MIB } })).toEqual([]);
	});

	it("refuses to move to itself, what is not running, and what another node owns", () => {
		const security = { ...standardSecurity, userNamespace: true, devices: [{ path: "/dev/fuse", access: "rw" }] };
		const checks = ownChecks(
			{ container: web, from: n1, to: n1 },
			{
				phase: "stopped",
				owner: n2,
				criuVersion: null,
				ties: tiesOf({ isolation: "minimal", security, terminal: false, stdin: false, volumes: [] }),
				volumeUsers: ["other.0"],
			},
		);
		expect(checks.filter(({ ok }) => !ok).map(({ check }) => check)).toEqual([
			"self",
			"owner",
			"phase",
			"ties",
			"volumes",
			"criu",
		]);
		expect(refusalOf(checks)).toContain(
			"ties: it runs with isolation minimal, on the network and the files of its node, and it uses devices of its node (/dev/fuse)",
		);
		expect(refusalOf(checks)).toContain("phase: web.0 is stopped, wanted running");
		expect(refusalOf(checks)).toContain("volumes: other.0 has a volume of it too");
		expect(verdictOf({ container: web, from: n1, to: n1 }, checks).ok).toBe(false);
	});

	it("counts named volumes, and refuses a target that has one of that name or lacks a shared path", () => {
		const volumes = [{ name: "data", labels: {}, createdAtMs: 1, bytes: 9_000 * MIB }];
		expect(refusedBy({}, { volumes })).toEqual([]);
		const checks = compare({ ...source, volumes }, target);
		expect(checks.find(({ check }) => check === "volume data")).toMatchObject({
			source: "data 9,000 MiB",
			target: "to be copied",
		});
		expect(checks.find(({ check }) => check === "space")?.source).toBe(
			"100 MiB memory, 10 MiB files, 9,000 MiB volumes",
		);
		expect(refusedBy({ diskBytesFree: 9_000 * MIB }, { volumes })).toMatchObject([{ check: "space" }]);
		expect(refusedBy({ volumesHere: ["data"] }, { volumes })[0]?.reason).toContain("a volume data of its own");
		const lacking = "/mnt/nfs is not on this node, wanted a directory or file";
		expect(refusedBy({ pathsLacking: [lacking] })).toMatchObject([{ check: "paths", reason: lacking }]);
		const bind = { kind: "bind", source: "/srv", target: "/www", readOnly: true } as const;
		const spec = { isolation: "standard", security: standardSecurity, terminal: false, stdin: false } as const;
		expect(tiesOf({ ...spec, volumes: [{ ...bind, shared: false }] })).toEqual([
			"shows /srv of its node, which is not declared :shared",
		]);
		expect(tiesOf({ ...spec, volumes: [{ ...bind, shared: true }] })).toEqual([]);
	});

	it("lets a container without a user namespace go to a node that has none", () => {
		expect(refusedBy({ userNamespaceLack: "no layers by descriptor" }, { userNamespace: false })).toEqual([]);
	});

	it("says why a container with a terminal or an open input stays", () => {
		const spec = { isolation: "standard", security: standardSecurity, volumes: [] } as const;
		expect(tiesOf({ ...spec, terminal: true, stdin: true })).toEqual([
			"has a terminal, whose other end is with its monitor on this node",
		]);
		expect(tiesOf({ ...spec, terminal: false, stdin: true })).toEqual([
			"has an open standard input, which is with its monitor on this node",
		]);
		expect(tiesOf({ ...spec, terminal: false, stdin: false })).toEqual([]);
	});
});
