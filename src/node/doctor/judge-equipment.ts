// What stands on the machine beside the kernel: CRIU, Node, our native parts, sensors, GPUs, NUMA nodes. Pure.

import type { CriuFacts, MachineFacts } from "./facts.js";
import type { DoctorFinding } from "./report.js";

/** oclif and libp2p need it; 22.15 brings zstd. */
const nodeMajorLeast = 22;

export function judgeEquipment(facts: MachineFacts): readonly DoctorFinding[] {
	return [
		judgeCriu(facts.criu, facts.kernel),
		judgeNode(facts.nodeVersion),
		judgeNative(facts.nativeMissing),
		judgeSensors(facts.hardware.sensors.length),
		judgeGpus(facts),
		judgeNuma(facts.hardware.numa.length),
	];
}

function judgeCriu(criu: CriuFacts, kernel: string): DoctorFinding {
	const name = "criu";
	const wanted = "a CRIU that dumps and restores sockets on this kernel";
	const again = "bash scripts/criu.sh --again";
	if (criu.argv === null) {
		const found = `none, so containers cannot be moved${criu.problem === null ? "" : `: ${criu.problem}`}`;
		return { name, status: "missing", found, wanted, fix: "bash scripts/criu.sh" };
	}
	const found = `${criu.version} (${criu.argv.at(-1)})`;
	if (criu.kernel !== kernel)
		return { name, status: "limited", found: `${found}, tried on Linux ${criu.kernel} only`, wanted, fix: again };
	if (criu.check?.ok === false)
		return { name, status: "limited", found: `${found}, criu check: ${criu.check.said}`, wanted, fix: again };
	return { name, status: "ok", found: criu.check === null ? found : `${found}, criu check: passed`, wanted, fix: null };
}

function judgeNode(version: string): DoctorFinding {
	const enough = Number(version.split(".")[0]) >= nodeMajorLeast;
	const wanted = `Node ${nodeMajorLeast} or newer`;
	const fix = enough ? null : "npm ci (it brings Node 22)";
	return { name: "node", status: enough ? "ok" : "missing", found: version, wanted, fix };
}

function judgeNative(missing: readonly string[]): DoctorFinding {
	const found = missing.length === 0 ? "built" : `not built: ${missing.join(", ")}`;
	const fix = missing.length === 0 ? null : "bash scripts/setup.sh";
	return { name: "native", status: missing.length === 0 ? "ok" : "missing", found, wanted: "the C parts", fix };
}

function judgeSensors(count: number): DoctorFinding {
	return {
		name: "sensors",
		status: count > 0 ? "ok" : "limited",
		found: count > 0 ? `${count} temperature sensors` : "none: the temperature is unknown to placement, never cool",
		wanted: "temperature sensors in /sys",
		fix: count > 0 ? null : "modprobe coretemp or k10temp (virtual machines have none)",
	};
}

function judgeGpus({ hardware }: MachineFacts): DoctorFinding {
	const { gpus } = hardware;
	const idle = gpus.filter((gpu) => gpu.driver === null);
	const found = gpus.map((gpu) => `${gpu.vendor} at ${gpu.address} (${gpu.driver ?? "no driver"})`).join(", ");
	return {
		name: "gpus",
		status: idle.length > 0 ? "limited" : "ok",
		found: found === "" ? "none" : found,
		wanted: "a driver for every GPU there is",
		fix: idle.length > 0 ? `install the kernel driver for ${idle.map((gpu) => gpu.vendor).join(", ")}` : null,
	};
}

function judgeNuma(count: number): DoctorFinding {
	const found = count > 1 ? `${count} nodes` : "one node";
	return { name: "numa", status: "ok", found, wanted: "the layout, to place by", fix: null };
}
