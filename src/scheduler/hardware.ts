// What a machine is made of, read from /proc and /sys under a root, so that recorded machines can stand for real ones.
// Absent parts are null or empty. Must never write, load a library or ask anything but the given root.

import type { HardwareProfile } from "../model.js";
import { readCpu } from "./hardware/cpu.js";
import { readMemoryBytes, readNuma } from "./hardware/numa.js";
import { readGpus, readPci } from "./hardware/pci.js";
import { readLine } from "./hardware/read.js";
import { findSensors } from "./hardware/sensors.js";

/** `root` is `/`, or the directory of a recorded machine. Never rejects for something that is missing. */
export async function readHardware(root: string): Promise<HardwareProfile> {
	const pci = await readPci(root);
	return {
		...(await readCpu(root)),
		kernel: await readKernel(root),
		memoryBytes: await readMemoryBytes(root),
		numa: await readNuma(root),
		pci,
		gpus: await readGpus(root, pci),
		sensors: (await findSensors(root)).map((path) => path.sensor),
	};
}

async function readKernel(root: string): Promise<string> {
	const release = await readLine(root, "proc/sys/kernel/osrelease");
	return release ?? /^Linux version (\S+)/.exec((await readLine(root, "proc/version")) ?? "")?.[1] ?? "unknown";
}
