// The part of model.ts about what a container may use and what it uses. Imported through model.ts by everybody else; imports nothing
// and decides nothing.

/** null: not asked for, not limited. What stands after `pids` is absent from records of older versions: absent is null. */
export interface ResourceRequest {
	/** CPUs, fractions allowed (0.5 is half a core). Reserved by the scheduler, enforced as a quota. */
	readonly cpus: number | null;
	readonly memoryBytes: number | null;
	/** Processes and threads. */
	readonly pids: number | null;
	/** Share of the CPU when more is wanted than there is, 1 to 10,000 (cpu.weight of cgroup v2); null: 100 for each of `cpus`. */
	readonly cpuWeight?: number | null;
	/** The node adapts its quota to who waits for a CPU (runtime/quota); null: the quota is `cpus`, all of the time. */
	readonly cpuMode?: CpuMode | null;
	/** CPUs and memory nodes that it may use, as the kernel writes lists: `0-3,8`. */
	readonly cpusetCpus?: string | null;
	readonly cpusetMems?: string | null;
	/** From here on the kernel slows it down and reclaims, before `memoryBytes` kills. */
	readonly memoryHighBytes?: number | null;
	/** Swap besides `memoryBytes`, which it needs; null: none. */
	readonly swapBytes?: number | null;
	readonly io?: readonly IoLimit[] | null;
	readonly hugepages?: readonly HugepageLimit[] | null;
	/** What it may send and what it may get over the container network, in bytes a second, headers included. */
	readonly egressBytesPerSecond?: number | null;
	readonly ingressBytesPerSecond?: number | null;
}

/** How urgent its work is, and how much of its CPUs it keeps: 50–100 %, 10–100 %, 10–50 %. */
export type CpuMode = "low-latency" | "default" | "batch";

/** At least one of the four is a number. */
export interface IoLimit {
	/** `/dev/vda`, `8:0`, or a path: the device that holds it. Looked up on the node. */
	readonly device: string;
	readonly readBytesPerSecond: number | null;
	readonly writeBytesPerSecond: number | null;
	readonly readOperationsPerSecond: number | null;
	readonly writeOperationsPerSecond: number | null;
}

export interface HugepageLimit {
	/** As the kernel names it: `2MB`, `1GB`. */
	readonly pageSize: string;
	readonly bytes: number;
}

/** What a node may or may not be able to limit. */
export type LimitName =
	| "cpu"
	| "cpu.mode"
	| "cpuset"
	| "memory"
	| "memory.high"
	| "swap"
	| "pids"
	| "io"
	| "hugepages"
	| "bandwidth";

/** What the kernel's out-of-memory killer did in a container since it was made on that node. */
export interface OomReport {
	/** Processes killed; the container itself need not have ended. */
	readonly kills: number;
	/** null: its own limit was lifted since. */
	readonly limitBytes: number | null;
	/** When the report was made. */
	readonly usageBytes: number;
	/** Most that was ever in use; null on kernels that do not say. */
	readonly peakBytes: number | null;
	/** The last process killed; null where the kernel's log cannot be read. */
	readonly process: { readonly name: string; readonly pid: number } | null;
	readonly timeMs: number;
}

/** What a container has used so far and uses now. Rates are differences of two readings. */
export interface ContainerStats {
	/** On the node's own monotonic clock. */
	readonly takenAtMonotonicMs: number;
	readonly cpuUsageUs: number;
	/** Periods in which its own quota held it back, and for how long altogether; null without a quota. */
	readonly throttledPeriods: number | null;
	readonly throttledUs: number | null;
	/** Share of its CPUs that its quota is at present; null without a CPU mode. */
	readonly cpuQuotaPercent: number | null;
	/** The page cache it filled included. */
	readonly memoryBytes: number;
	readonly memoryBytesLimit: number | null;
	readonly pids: number;
	readonly pidsLimit: number | null;
	/** On disks; null where the kernel does not count it (cgroup v1 counts only containers with an I/O limit). */
	readonly ioReadBytes: number | null;
	readonly ioWrittenBytes: number | null;
	/** null without a network. */
	readonly networkReceivedBytes: number | null;
	readonly networkSentBytes: number | null;
	/** Share of the last 10 s in which some task of it waited, 0–100 (PSI `some avg10`); null without PSI. */
	readonly cpuPressure: number | null;
	readonly memoryPressure: number | null;
	readonly ioPressure: number | null;
	/** Time in which some task of it waited for a CPU, altogether; throttling counts as waiting. */
	readonly cpuStallUs: number | null;
}
