// A machine on which nothing is missing; tests change one fact at a time.

import { type MachineFacts, type ProbeName, probeNames } from "../../../src/node/doctor/facts.js";

export const healthy: MachineFacts = {
	kernel: "6.12.41+deb13-amd64",
	uid: 0,
	capabilities: (1n << 41n) - 1n,
	cgroup: {
		mode: "v2",
		unified: "/sys/fs/cgroup",
		controllers: { cpu: "v2", memory: "v2", pids: "v2", hugetlb: "v2", cpuset: "v2", io: "v2" },
		freeze: true,
	},
	probes: Object.fromEntries(probeNames.map((name) => [name, 0])) as Record<ProbeName, number>,
	userNamespaces: { ok: true, said: "" },
	nft: { ok: true, said: "" },
	pressure: true,
	criu: {
		argv: ["/usr/sbin/criu"],
		version: "4.2.1",
		kernel: "6.12.41+deb13-amd64",
		check: { ok: true, said: "Looks good." },
		problem: null,
	},
	nodeVersion: "22.23.3",
	nativeMissing: [],
	hardware: {
		architecture: "x64",
		kernel: "6.12.41+deb13-amd64",
		cpuModel: null,
		cpuFlags: [],
		cpus: 8,
		cores: 4,
		memoryBytes: 16 * 1024 ** 3,
		numa: [{ id: 0, cpus: [0, 1, 2, 3, 4, 5, 6, 7], memoryBytes: 16 * 1024 ** 3, distances: [10] }],
		pci: [],
		gpus: [],
		sensors: [{ name: "hwmon0/temp1", label: null, criticalCelsius: 100 }],
	},
};
