// What the kernel offers: version, cgroups, and the features that swarm-probe and nft tried out. Pure.

import { getSystemErrorName } from "node:util";
import {
	type CgroupFacts,
	type CommandFacts,
	type MachineFacts,
	type ProbeName,
	type ProbeResult,
	probeNames,
} from "./facts.js";
import type { DoctorFinding } from "./report.js";

/** cgroup.kill came with 5.14; clone3 into a cgroup (5.7) and volatile overlays (5.10) are older. */
const kernelLeast = [5, 14] as const;
const limitControllers = ["cpu", "memory", "pids", "cpuset", "io", "hugetlb"];
const newerKernel = "install a newer kernel of the distribution, then reboot";

interface Feature {
	readonly name: string;
	readonly probe: ProbeName;
	readonly wanted: string;
	/** How bad its absence is, in words; null when nothing runs without it. */
	readonly without: string | null;
	readonly fix: string | null;
}

const features: readonly Feature[] = [
	{ name: "overlayfs", probe: "overlayfs", wanted: "overlay mounts", without: null, fix: "modprobe overlay" },
	{ name: "seccomp", probe: "seccomp", wanted: "system-call filters", without: null, fix: newerKernel },
	{
		name: "ebpf.cgroup-device",
		probe: "bpf-cgroup-device",
		wanted: "eBPF programs for device access on cgroup v2",
		without: "devices are kept from containers by /dev alone",
		fix: newerKernel,
	},
	{ name: "veth", probe: "veth", wanted: "veth pairs", without: "containers have no network", fix: "modprobe veth" },
	{ name: "bridge", probe: "bridge", wanted: "bridges", without: "containers have no network", fix: "modprobe bridge" },
	{
		name: "tbf",
		probe: "token-bucket",
		wanted: "token bucket queues",
		without: "rates of a container's network are refused",
		fix: "modprobe sch_tbf",
	},
	{
		name: "io_uring",
		probe: "io-uring",
		wanted: "io_uring for programs that ask for it",
		without: "programs in containers take other ways",
		fix: "sysctl kernel.io_uring_disabled=0",
	},
	{
		name: "userfaultfd",
		probe: "userfaultfd",
		wanted: "userfaultfd",
		without: "only stop-and-copy moves",
		fix: newerKernel,
	},
	{
		name: "userfaultfd.wp-async",
		probe: "userfaultfd-wp-async",
		wanted: "asynchronous write protection (Linux 6.7)",
		without: "changed pages are found by soft-dirty alone",
		fix: newerKernel,
	},
	{
		name: "pagemap-scan",
		probe: "pagemap-scan",
		wanted: "PAGEMAP_SCAN (Linux 6.7)",
		without: "changed pages are found by soft-dirty alone",
		fix: newerKernel,
	},
	{
		name: "soft-dirty",
		probe: "soft-dirty",
		wanted: "soft-dirty page bits (CONFIG_MEM_SOFT_DIRTY)",
		without: "CRIU's own pre-dump is not used",
		fix: null,
	},
];

export function judgeKernel(facts: MachineFacts): readonly DoctorFinding[] {
	return [
		judgeVersion(facts.kernel),
		judgeCgroupMode(facts.cgroup),
		...limitControllers.map((name) => judgeController(facts.cgroup, name)),
		judgeMemoryHigh(facts.cgroup),
		judgeFreeze(facts),
		judgeNamespaces(facts),
		...features.map((feature) => judgeFeature(feature, facts.probes[feature.probe])),
		judgeUserNamespaces(facts.userNamespaces),
		judgeNft(facts),
		judgePressure(facts.pressure),
	];
}

/** Whether `release` (`6.1.0-13-amd64`) is at least major.minor. */
export function kernelAtLeast(release: string, [major, minor]: readonly [number, number]): boolean {
	const [foundMajor = 0, foundMinor = 0] = release.split(/[.-]/).map(Number);
	return foundMajor > major || (foundMajor === major && foundMinor >= minor);
}

function judgeUserNamespaces(tried: CommandFacts | null): DoctorFinding {
	const name = "userns";
	const wanted = "user namespaces with mapped layers (Linux 6.13)";
	if (tried === null) return { name, status: "limited", found: "not asked", wanted, fix: null };
	if (tried.ok) return { name, status: "ok", found: "root of containers is nobody outside", wanted, fix: null };
	const found = `${tried.said}: root of containers is root of the node, and containers that have one elsewhere cannot move here`;
	return { name, status: "limited", found, wanted, fix: newerKernel };
}

function judgeVersion(kernel: string): DoctorFinding {
	const enough = kernelAtLeast(kernel, kernelLeast);
	const wanted = `Linux ${kernelLeast.join(".")} or newer`;
	return { name: "kernel", status: enough ? "ok" : "missing", found: kernel, wanted, fix: enough ? null : newerKernel };
}

function judgeCgroupMode({ mode, unified }: CgroupFacts): DoctorFinding {
	const wanted = "a cgroup v2 tree, alone or beside v1 controllers";
	const name = "cgroup";
	switch (mode) {
		case "v2":
			return { name, status: "ok", found: `pure v2 at ${unified}`, wanted, fix: null };
		case "hybrid":
			return { name, status: "ok", found: `hybrid: v1 controllers, v2 tree at ${unified}`, wanted, fix: null };
		case "v1":
			return { name, status: "missing", found: "v1 only", wanted, fix: "boot with systemd.unified_cgroup_hierarchy=1" };
		case "none":
			return { name, status: "missing", found: "nothing mounted", wanted, fix: "mount -t cgroup2 none /sys/fs/cgroup" };
	}
}

function judgeController({ controllers }: CgroupFacts, controller: string): DoctorFinding {
	const name = `cgroup.${controller}`;
	// v1 calls the io controller blkio.
	const home = controllers[controller] ?? (controller === "io" ? controllers.blkio : undefined);
	const wanted = `the ${controller} controller, in v2 or v1`;
	if (home !== undefined)
		return { name, status: "ok", found: home === "v2" ? "v2" : `v1 at ${home}`, wanted, fix: null };
	const fix = `boot with cgroup_enable=${controller}`;
	return { name, status: "limited", found: "absent: such limits are refused", wanted, fix };
}

/** memory.high is of v2 alone: soft limits of v1 slow nobody down. */
function judgeMemoryHigh({ controllers }: CgroupFacts): DoctorFinding {
	const there = controllers.memory === "v2";
	return {
		name: "cgroup.memory.high",
		status: there ? "ok" : "limited",
		found: there ? "v2" : "the memory controller is not in v2: --memory-high is refused",
		wanted: "the memory controller in v2",
		fix: there ? null : "boot with systemd.unified_cgroup_hierarchy=1",
	};
}

function judgeFreeze({ cgroup, kernel }: MachineFacts): DoctorFinding {
	const there = cgroup.unified !== null && (cgroup.freeze ?? kernelAtLeast(kernel, [5, 2]));
	return {
		name: "cgroup.freeze",
		status: there ? "ok" : "missing",
		found: there ? "there" : "absent: containers can be neither paused nor moved",
		wanted: "cgroup.freeze of cgroup v2 (Linux 5.2)",
		fix: there ? null : newerKernel,
	};
}

function judgeNamespaces({ probes }: MachineFacts): DoctorFinding {
	const names = probeNames.filter((name) => name.startsWith("namespace-"));
	const lacking = names.filter((name) => probes[name] !== 0).map((name) => name.slice("namespace-".length));
	const all = `${names.length} kinds`;
	// Containers do without these two where they must.
	const bad = lacking.some((kind) => kind !== "user" && kind !== "time");
	return {
		name: "namespaces",
		status: lacking.length === 0 ? "ok" : bad ? "missing" : "limited",
		found: lacking.length === 0 ? `all ${all}` : `cannot make: ${lacking.join(", ")}`,
		wanted: all,
		fix: lacking.length === 0 ? null : "sysctl user.max_<kind>_namespaces must not be 0; else a newer kernel",
	};
}

function judgeFeature({ name, probe, wanted, without, fix }: Feature, result: ProbeResult): DoctorFinding {
	if (result === 0) return { name, status: "ok", found: "works", wanted, fix: null };
	if (result === null)
		return {
			name,
			status: "limited",
			found: `not asked: swarm-probe is not built (${probe})`,
			wanted,
			fix: "npm run build",
		};
	const error = getSystemErrorName(-result);
	const found = without === null ? `refused (${error}): nothing can be run` : `refused (${error}): ${without}`;
	return { name, status: without === null ? "missing" : "limited", found, wanted, fix };
}

function judgeNft({ nft }: MachineFacts): DoctorFinding {
	const wanted = "nftables with NAT";
	if (nft.ok) return { name: "nftables", status: "ok", found: "works", wanted, fix: null };
	const found = `no outgoing NAT, no published ports: ${nft.said}`;
	return {
		name: "nftables",
		status: "limited",
		found,
		wanted,
		fix: "apt-get install nftables; modprobe nft_chain_nat nft_masq",
	};
}

function judgePressure(pressure: boolean): DoctorFinding {
	return {
		name: "psi",
		status: pressure ? "ok" : "limited",
		found: pressure ? "there" : "absent: placement sees load, not pressure; CPU modes are refused",
		wanted: "pressure stall information (/proc/pressure)",
		fix: pressure ? null : "boot with psi=1",
	};
}
