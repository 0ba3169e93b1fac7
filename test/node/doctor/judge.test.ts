import { describe, expect, test } from "vitest";
import type { MachineFacts } from "../../../src/node/doctor/facts.js";
import { judge } from "../../../src/node/doctor/judge.js";
import { kernelAtLeast } from "../../../src/node/doctor/judge-kernel.js";
import type { DoctorFinding } from "../../../src/node/doctor/report.js";
import { healthy } from "./healthy-facts.js";

function finding(name: string, changed: Partial<MachineFacts>): DoctorFinding {
	const found = judge({ ...healthy, ...changed }).find((line) => line.name === name);
	if (found === undefined) throw new Error(`doctor says nothing about ${name}`);
	return found;
}

test("a machine with everything has nothing to fix", () => {
	expect(judge(healthy).filter((line) => line.status !== "ok" || line.fix !== null)).toEqual([]);
});

test("no two findings share a name", () => {
	const names = judge({ ...healthy, capabilities: 0n }).map((line) => line.name);
	expect(new Set(names).size).toBe(names.length);
});

test("every lack that a person can mend has a fix line", () => {
	const probes = Object.fromEntries(Object.keys(healthy.probes).map((name) => [name, 38])) as MachineFacts["probes"];
	const bare = judge({
		...healthy,
		kernel: "4.19.0",
		capabilities: 0n,
		cgroup: { mode: "none", unified: null, controllers: {}, freeze: null },
		probes,
		nft: { ok: false, said: "nft: not found" },
		pressure: false,
		criu: { argv: null, version: null, kernel: null, check: null, problem: "offline" },
		nodeVersion: "20.20.2",
		nativeMissing: ["swarm-init"],
		hardware: { ...healthy.hardware, sensors: [] },
	});
	const helpless = bare.filter((line) => line.status !== "ok" && line.fix === null).map((line) => line.name);
	expect(helpless).toEqual(["soft-dirty"]);
});

describe("privileges", () => {
	test("a user who is not root is told to use sudo, and capabilities are not judged", () => {
		expect(finding("root", { uid: 1000, capabilities: 0n })).toMatchObject({
			status: "missing",
			fix: "sudo swarm doctor",
		});
		expect(judge({ ...healthy, uid: 1000 }).some((line) => line.name.startsWith("capabilit"))).toBe(false);
	});

	test("a root without CAP_SYS_RESOURCE is limited, and told to what", () => {
		const lacking = healthy.capabilities & ~(1n << 24n);
		expect(finding("capability.sys_resource", { capabilities: lacking })).toMatchObject({
			status: "limited",
			found: expect.stringContaining("hard limits"),
		});
	});

	test("without CAP_SYS_ADMIN nothing can run", () => {
		const lacking = healthy.capabilities & ~(1n << 21n);
		expect(finding("capability.sys_admin", { capabilities: lacking }).status).toBe("missing");
	});
});

describe("kernel", () => {
	test.each([
		["5.14.0", "ok"],
		["5.10.0-30-amd64", "missing"],
		["6.1.0", "ok"],
	])("version %s is %s", (kernel, status) => {
		expect(finding("kernel", { kernel }).status).toBe(status);
	});

	test("versions are compared as numbers", () => {
		expect(kernelAtLeast("6.10.1-cloud", [6, 9])).toBe(true);
		expect(kernelAtLeast("6.9-rc1", [6, 10])).toBe(false);
	});

	test("hybrid cgroups are fine and say where each controller is", () => {
		const cgroup = {
			mode: "hybrid",
			unified: "/sys/fs/cgroup/unified",
			controllers: {
				cpu: "/sys/fs/cgroup/cpu",
				memory: "/sys/fs/cgroup/memory",
				pids: "v2",
				blkio: "/sys/fs/cgroup/blkio",
			},
			freeze: true,
		} as const;
		expect(finding("cgroup", { cgroup }).status).toBe("ok");
		expect(finding("cgroup.cpu", { cgroup }).found).toBe("v1 at /sys/fs/cgroup/cpu");
		expect(finding("cgroup.pids", { cgroup }).found).toBe("v2");
		expect(finding("cgroup.io", { cgroup }).found).toBe("v1 at /sys/fs/cgroup/blkio");
		expect(finding("cgroup.cpuset", { cgroup }).status).toBe("limited");
	});

	test("a refusing feature names the error of the kernel", () => {
		const probes = { ...healthy.probes, "soft-dirty": 95, overlayfs: 19 };
		expect(finding("soft-dirty", { probes }).found).toMatch(/ENOTSUP|EOPNOTSUPP/);
		expect(finding("overlayfs", { probes })).toMatchObject({ status: "missing", fix: "modprobe overlay" });
	});

	test("a feature that nobody could ask for is limited, not missing", () => {
		expect(finding("io_uring", { probes: { ...healthy.probes, "io-uring": null } })).toMatchObject({
			status: "limited",
			fix: "npm run build",
		});
	});

	test("containers do without user and time namespaces, not without a network namespace", () => {
		const withoutUser = { ...healthy.probes, "namespace-user": 1, "namespace-time": 22 };
		expect(finding("namespaces", { probes: withoutUser })).toMatchObject({
			status: "limited",
			found: "cannot make: user, time",
		});
		expect(finding("namespaces", { probes: { ...healthy.probes, "namespace-net": 1 } }).status).toBe("missing");
	});
});

describe("criu", () => {
	test("none: the reason that set-up found is passed on", () => {
		const criu = { argv: null, version: null, kernel: null, check: null, problem: "no Debian mirror" };
		expect(finding("criu", { criu })).toMatchObject({
			status: "missing",
			found: expect.stringContaining("no Debian mirror"),
		});
	});

	test("one that was tried on another kernel has to be tried again", () => {
		expect(finding("criu", { kernel: "6.16.0" })).toMatchObject({
			status: "limited",
			fix: "bash scripts/criu.sh --again",
		});
	});

	test("a failing criu check is repeated in its own words", () => {
		const criu = { ...healthy.criu, check: { ok: false, said: "Error: uffd is not supported" } };
		expect(finding("criu", { criu }).found).toContain("uffd is not supported");
	});
});

test("a GPU without a driver is named", () => {
	const gpus = [{ address: "0000:3b:00.0", vendor: "nvidia", numaNode: 0, driver: null }] as const;
	expect(finding("gpus", { hardware: { ...healthy.hardware, gpus } })).toMatchObject({
		status: "limited",
		found: "nvidia at 0000:3b:00.0 (no driver)",
	});
});
