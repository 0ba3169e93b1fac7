import { describe, expect, it } from "vitest";
import { SwarmError } from "../../../src/errors.js";
import { type Spec, standardSecurity } from "../../../src/model.js";
import { validateSpec } from "../../../src/node/spec/validate-spec.js";

const least = { name: "web", image: "host" };

function refusalOf(given: unknown): SwarmError {
	try {
		validateSpec(given);
	} catch (thrown) {
		if (thrown instanceof SwarmError) return thrown;
		throw thrown;
	}
	throw new Error("the spec was accepted");
}

describe("validateSpec", () => {
	it("fills in the defaults for everything but the name", () => {
		expect(validateSpec({ name: "web" })).toEqual({
			name: "web",
			image: "host",
			command: null,
			env: {},
			workdir: null,
			user: null,
			terminal: false,
			stdin: false,
			resources: { cpus: null, memoryBytes: null, pids: null },
			labels: {},
			constraints: [],
			ports: [],
			replicas: 1,
			network: "bridge",
			stopGraceMs: 10_000,
			restart: { when: "never", attemptsMax: null },
			isolation: "standard",
			security: standardSecurity,
			logBytesMax: 64 * 1024 ** 2,
			health: null,
			pool: 0,
			policy: "available",
			volumes: [],
		} satisfies Spec);
	});

	it("takes a policy for splits, and refuses others than the two", () => {
		expect(validateSpec({ ...least, policy: "exclusive" }).policy).toBe("exclusive");
		expect(() => validateSpec({ ...least, policy: "always" })).toThrow(/policy.*available or exclusive/);
	});

	it("reads sizes, durations, ports and constraints as people write them", () => {
		const spec = validateSpec({
			...least,
			resources: { cpus: 0.5, memory: "1.5G", pids: 100 },
			ports: ["8080:80", "53:53/udp", 9000],
			constraints: ["disk=ssd", "zone!=b", "gpu"],
			stopGrace: "1m",
		});
		expect(spec.resources).toEqual({ cpus: 0.5, memoryBytes: 1.5 * 1024 ** 3, pids: 100 });
		expect(spec.ports).toEqual([
			{ host: 8080, container: 80, protocol: "tcp" },
			{ host: 53, container: 53, protocol: "udp" },
			{ host: 9000, container: 9000, protocol: "tcp" },
		]);
		expect(spec.constraints).toEqual([
			{ label: "disk", operator: "=", value: "ssd" },
			{ label: "zone", operator: "!=", value: "b" },
			{ label: "gpu", operator: "exists", value: null },
		]);
		expect(spec.stopGraceMs).toBe(60_000);
	});

	it("reads a restart policy as text and as fields", () => {
		const restart = (given: unknown) => validateSpec({ ...least, restart: given }).restart;
		expect(restart("always")).toEqual({ when: "always", attemptsMax: null });
		expect(restart("on-failure:5")).toEqual({ when: "on-failure", attemptsMax: 5 });
		expect(restart({ when: "on-failure" })).toEqual({ when: "on-failure", attemptsMax: null });
		for (const wrong of [
			"sometimes",
			"on-failure:",
			"on-failure:0",
			"always:3",
			"never:",
			{ when: "always", most: 3 },
			3,
		])
			expect(refusalOf({ ...least, restart: wrong }).message).toContain("wanted never, on-failure, on-failure:COUNT");
	});

	it("lets the isolation decide on the network, unless the spec says it", () => {
		const networkOf = (fields: object) => validateSpec({ ...least, ...fields }).network;
		expect(networkOf({})).toBe("bridge");
		expect(networkOf({ isolation: "strict" })).toBe("none");
		expect(networkOf({ isolation: "strict", network: "bridge", ports: ["80"] })).toBe("bridge");
		expect(networkOf({ isolation: "minimal" })).toBe("host");
		expect(networkOf({ isolation: "minimal", network: "none" })).toBe("none");
	});

	it.each([
		[{ isolation: "loose" }, 'isolation is "loose", wanted minimal, standard or strict'],
		[{ network: "host" }, "network is host with isolation standard, wanted isolation minimal for it"],
		[{ isolation: "strict", ports: ["80"] }, "ports is given with network none"],
		[{ isolation: "minimal", ports: ["80"] }, "ports is given with network host"],
		[{ isolation: "minimal", health: { tcp: 80 } }, "given with network host"],
		[
			{ isolation: "minimal", security: { userNamespace: true } },
			"security.userNamespace is given with isolation minimal",
		],
		[{ isolation: "minimal", security: { devices: ["/dev/fuse"] } }, "given with isolation minimal"],
		[{ isolation: "minimal", security: { sysctls: { "net.ipv4.ip_forward": "1" } } }, "given with network host"],
	])("refuses what does not fit to the isolation: %j", (fields, sentence) => {
		expect(refusalOf({ ...least, ...fields }).message).toContain(sentence);
	});

	it("reads devices with what may be done", () => {
		const { security } = validateSpec({ ...least, security: { devices: ["/dev/fuse", "/dev/net/tun:rw"] } });
		expect(security.devices).toEqual([
			{ path: "/dev/fuse", access: "rwm" },
			{ path: "/dev/net/tun", access: "rw" },
		]);
		expect(validateSpec({ ...least, security }).security).toEqual(security);
	});

	it("reads what a workload may do, names of capabilities in any form", () => {
		const { security } = validateSpec({
			...least,
			security: {
				capabilities: { add: ["net_admin", "CAP_SYS_TIME"], drop: ["all"], ambient: ["NET_BIND_SERVICE"] },
				readOnlyRoot: true,
				rlimits: { nofile: 1024, core: { soft: 0, hard: "unlimited" } },
				sysctls: { "net.ipv4.ip_forward": 1, "net/ipv4/conf/eth0.1/rp_filter": "2" },
				oomScoreAdj: -5,
			},
		});
		expect(security).toEqual({
			capabilities: {
				add: ["CAP_NET_ADMIN", "CAP_SYS_TIME"],
				drop: ["ALL"],
				ambient: ["CAP_NET_BIND_SERVICE"],
			},
			readOnlyRoot: true,
			rlimits: [
				{ name: "nofile", soft: 1024, hard: 1024 },
				{ name: "core", soft: 0, hard: null },
			],
			sysctls: { "net.ipv4.ip_forward": "1", "net/ipv4/conf/eth0.1/rp_filter": "2" },
			oomScoreAdj: -5,
			userNamespace: null,
			devices: [],
			seccomp: "default",
		});
		const profile = {
			defaultAction: "SCMP_ACT_ALLOW",
			syscalls: [{ names: ["bpf"], action: "SCMP_ACT_KILL_PROCESS" }],
		};
		for (const seccomp of ["default", "unconfined", profile])
			expect(validateSpec({ ...least, security: { seccomp } }).security.seccomp).toEqual(seccomp);
		expect(validateSpec({ ...least, security }).security).toEqual(security);
	});

	it.each([
		[
			{ capabilities: { add: ["FLY"] } },
			'security.capabilities.add[0] is "FLY", wanted a capability such as NET_ADMIN',
		],
		[{ capabilities: { ambient: ["ALL"] } }, 'security.capabilities.ambient[0] is "ALL"'],
		[{ capabilities: ["NET_ADMIN"] }, "security.capabilities is a list"],
		[{ rlimits: { files: 1 } }, 'security.rlimits.files is "files", wanted one of as, core'],
		[{ rlimits: { nofile: { soft: 2, hard: 1 } } }, "security.rlimits.nofile is the number 2, wanted a count"],
		[{ rlimits: { nofile: -2 } }, "security.rlimits.nofile is the number -2"],
		[
			{
				rlimits: [
					{ name: "core", soft: 0 },
					{ name: "core", soft: 1 },
				],
			},
			"core a second time",
		],
		[{ sysctls: { "kernel.panic": "1" } }, "security.sysctls.kernel.panic is not of the container alone"],
		[{ sysctls: { "kernel.core_pattern": "|/x" } }, "wanted net.*, fs.mqueue.*"],
		[{ sysctls: { "net/../kernel/core_pattern": "|/x" } }, "is not of the container alone"],
		[{ sysctls: { "net.ipv4.ip_forward": "1\n" } }, "wanted a value"],
		[{ oomScoreAdj: 1001 }, "security.oomScoreAdj is the number 1001, wanted a whole number from -1000 to 1000"],
		[{ seccomp: "none" }, 'security.seccomp is "none", wanted default, unconfined or a profile'],
		[{ seccomp: { defaultAction: "ALLOW" } }, "security.seccomp.defaultAction is ALLOW, wanted one of SCMP_ACT_KILL"],
		[{ devices: ["/etc/passwd"] }, 'security.devices[0] is "/etc/passwd", wanted a device below /dev'],
		[{ devices: ["/dev/../etc/passwd"] }, "wanted a device below /dev"],
		[{ devices: ["/dev/fuse:x"] }, "wanted a device below /dev"],
		[{ devices: ["/dev/fuse:"] }, "wanted a device below /dev"],
		[{ userNamespace: 1 }, "security.userNamespace is the number 1, wanted true or false"],
		[{ readOnlyRoot: "yes" }, 'security.readOnlyRoot is "yes", wanted true or false'],
		[{ privileged: true }, "security.privileged is not a known field"],
	])("refuses the security options %j", (security, sentence) => {
		expect(refusalOf({ ...least, security }).message).toContain(sentence);
	});

	it("reads the size of the logs, within its bounds", () => {
		expect(validateSpec({ ...least, logSize: "2M" }).logBytesMax).toBe(2 * 1024 ** 2);
		for (const wrong of [{ logSize: "1K" }, { logBytesMax: 1 }, { logSize: "1000G" }, { logSize: "much" }])
			expect(refusalOf({ ...least, ...wrong }).message).toContain("wanted 1M to 64G");
	});

	it("accepts its own answer unchanged, so that a spec can be sent again", () => {
		const spec = validateSpec({ ...least, resources: { memory: "64M" }, ports: ["80"], constraints: ["a", "b=c"] });
		expect(validateSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
	});

	it.each([
		["a missing name", { image: "host" }, "name is missing, wanted 1 to 63 characters"],
		["capitals in the name", { ...least, name: "Web" }, 'name is "Web", wanted 1 to 63 characters'],
		["an unknown field", { ...least, imgae: "x" }, "imgae is not a known field, wanted one of name, image"],
		["a command in one text", { ...least, command: "sleep 60" }, 'command is "sleep 60", wanted a list such as'],
		["a number in the command", { ...least, command: ["sleep", 60] }, "command[1] is the number 60, wanted text"],
		["no command", { ...least, command: [] }, "command is a list of 0, wanted 1 to 512 arguments"],
		[
			"a size without sense",
			{ ...least, resources: { memory: "12Q" } },
			'resources.memory is "12Q", wanted at least 1M',
		],
		["too little memory", { ...least, resources: { memoryBytes: 10 } }, "resources.memoryBytes is the number 10"],
		["negative cpus", { ...least, resources: { cpus: -1 } }, "resources.cpus is the number -1, wanted CPUs from 0.01"],
		["no replicas", { ...least, replicas: 0 }, "replicas is the number 0, wanted a whole number from 1 to 1000"],
		["a port out of range", { ...least, ports: ["80:99999"] }, 'ports[0] is "80:99999", wanted node:container'],
		["a port twice", { ...least, ports: ["80", "80:81"] }, "ports[1] is tcp/80 a second time"],
		["ports without a network", { ...least, ports: ["80"], network: "none" }, "ports is given with network none"],
		["another network", { ...least, network: "lan" }, 'network is "lan", wanted bridge or none'],
		["a relative workdir", { ...least, workdir: "x" }, 'workdir is "x", wanted an absolute path'],
		["a wrong variable name", { ...least, env: { "a b": "c" } }, "env.a b is a name that is not allowed"],
		["a number as variable", { ...least, env: { A: 1 } }, "env.A is the number 1, wanted text (in quotes)"],
		["a wrong constraint", { ...least, constraints: ["=x"] }, 'constraints[0] is "=x", wanted label=value'],
		["too long a grace", { ...least, stopGrace: "2h" }, 'stopGrace is "2h", wanted a duration up to 1h'],
		["a list", [], "the spec is a list, wanted fields (name, image"],
		["nothing", null, "the spec is empty, wanted fields"],
	])("refuses %s in one line that says field, given and wanted", (_, given, sentence) => {
		const refusal = refusalOf(given);
		expect(refusal.code).toBe("usage");
		expect(refusal.message).toContain(`Cannot accept the spec: ${sentence}`);
		expect(refusal.message).not.toContain("\n");
	});

	it("takes every limit, by its short name or by the model's, and leaves out what is not asked for", () => {
		const io = { device: "/dev/vda", readBytesPerSecond: 10 * 2 ** 20, writeBytesPerSecond: null };
		const wanted = {
			cpus: null,
			memoryBytes: 2 ** 30,
			pids: null,
			cpuWeight: 300,
			cpusetCpus: "0-3,8",
			cpusetMems: "0",
			memoryHighBytes: 2 ** 29,
			swapBytes: 0,
			io: [{ ...io, readOperationsPerSecond: null, writeOperationsPerSecond: 50 }],
			hugepages: [{ pageSize: "2MB", bytes: 2 ** 26 }],
		};
		const short = {
			memory: "1G",
			cpuWeight: 300,
			cpusetCpus: "0-3,8",
			cpusetMems: 0,
			memoryHigh: "512M",
			swap: 0,
			io: ["/dev/vda,read=10M,write-ops=50"],
			hugepages: ["2MB=64M"],
		};
		expect(validateSpec({ ...least, resources: short }).resources).toEqual(wanted);
		expect(validateSpec({ ...least, resources: wanted }).resources).toEqual(wanted);
		expect(Object.keys(validateSpec({ ...least, resources: { cpus: 1 } }).resources)).toEqual([
			"cpus",
			"memoryBytes",
			"pids",
		]);
	});

	it.each([
		["a weight of nothing", { cpuWeight: 0 }, "resources.cpuWeight is the number 0, wanted a whole number from 1"],
		["a CPU list with a gap", { cpusetCpus: "0-" }, 'resources.cpusetCpus is "0-", wanted a list such as 0-3,8'],
		["swap without memory", { swap: "1M" }, "resources.swap is given without memory"],
		["high above the limit", { memory: "1M", memoryHigh: "2M" }, "resources.memoryHigh is above the memory limit"],
		["a rate without a unit of its own", { io: ["/dev/vda,speed=1M"] }, 'resources.io[0] is "/dev/vda,speed=1M"'],
		["a disk without a rate", { io: [{ device: "/dev/vda" }] }, "resources.io[0] is a group of fields, wanted DEVICE"],
		["huge pages of no size", { hugepages: ["64M"] }, 'resources.hugepages[0] is "64M", wanted a page size'],
	])("refuses %s", (_, resources, sentence) => {
		expect(refusalOf({ ...least, resources }).message).toContain(sentence);
	});

	it("takes rates of the network only with one", () => {
		const resources = { egress: "1M", ingressBytesPerSecond: 8192 };
		expect(validateSpec({ ...least, resources }).resources).toMatchObject({
			egressBytesPerSecond: 2 ** 20,
			ingressBytesPerSecond: 8192,
		});
		expect(refusalOf({ ...least, resources, network: "none" }).message).toContain("wanted network bridge, or no rates");
		expect(refusalOf({ ...least, resources: { egress: "1K" } }).message).toContain("wanted at least 8K, as a size");
	});

	it("names every wrong field at once", () => {
		const refusal = refusalOf({ name: "_", image: "host", replicas: 1.5 });
		expect(refusal.details.problems).toMatchObject([{ field: "name" }, { field: "replicas" }]);
		expect(refusal.message).toMatch(/name is "_".*; replicas is the number 1.5/);
	});

	it("refuses a spec that is too large to travel", () => {
		const command = Array.from({ length: 10 }, () => "x".repeat(10_000));
		expect(refusalOf({ ...least, command }).message).toMatch(/the spec is \d+ bytes as JSON, wanted at most 65536/);
	});
});
