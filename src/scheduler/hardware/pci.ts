// PCI devices that work can use, with their NUMA node and link. Bridges, generic system peripherals, performance
// counters and SMBus controllers are left out: they serve no workload, and a large server has hundreds of them.
// Source of the attributes: Documentation/ABI/testing/sysfs-bus-pci.

import type { GpuDevice, PciDevice } from "../../model.js";
import { linkName, listNames, readInteger, readLine } from "./read.js";

const PCI_DIRECTORY = "sys/bus/pci/devices";
const PCI_FUNCTIONS_MAX = 4096;
/** Devices kept; a node's record stays small. */
export const PCI_DEVICES_MAX = 256;

/** Base classes (PCI Code and ID Assignment): 06 bridge, 08 system peripheral, 11 signal processing, ff unassigned. */
const classesLeftOut = /^(?:06|08|11|ff|0c05)/;

/** Base class 03 is a display; 0302 a 3D controller without one; 12 a processing accelerator. */
const displayClass = /^03/;
const computeClass = /^(?:0302|12)/;

const gpuVendors: Readonly<Record<string, GpuDevice["vendor"]>> = { "10de": "nvidia", "1002": "amd", "8086": "intel" };

export async function readPci(root: string): Promise<readonly PciDevice[]> {
	const addresses = await listNames(
		root,
		PCI_DIRECTORY,
		/^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/,
		PCI_FUNCTIONS_MAX,
	);
	const devices: PciDevice[] = [];
	for (const address of addresses) {
		const device = await readDevice(root, address);
		if (device !== null && !classesLeftOut.test(device.class)) devices.push(device);
		if (devices.length === PCI_DEVICES_MAX) break;
	}
	return devices;
}

async function readDevice(root: string, address: string): Promise<PciDevice | null> {
	const path = `${PCI_DIRECTORY}/${address}`;
	const [vendor, device, kind] = await Promise.all([
		readLine(root, `${path}/vendor`),
		readLine(root, `${path}/device`),
		readLine(root, `${path}/class`),
	]);
	if (vendor === null || device === null || kind === null) return null;
	const [numaNode, speed, width] = await Promise.all([
		readInteger(root, `${path}/numa_node`),
		readLine(root, `${path}/current_link_speed`),
		readInteger(root, `${path}/current_link_width`),
	]);
	return {
		address,
		vendor: vendor.replace(/^0x/, ""),
		device: device.replace(/^0x/, ""),
		class: kind.replace(/^0x/, ""),
		numaNode: numaNode !== null && numaNode >= 0 ? numaNode : null,
		linkSpeedGtps: linkSpeedOf(speed),
		// The kernel prints 255 where it does not know.
		linkWidth: width !== null && width > 0 && width < 255 ? width : null,
	};
}

/** `8.0 GT/s PCIe`, `8 GT/s`; `Unknown` is null. */
function linkSpeedOf(line: string | null): number | null {
	const match = /^(\d+(?:\.\d+)?) GT\/s/.exec(line ?? "");
	return match ? Number(match[1]) : null;
}

/**
 * GPUs among the devices: displays of the three makers of compute GPUs and 3D controllers or accelerators of
 * anybody. The picture chip of a server's management board is not one.
 */
export async function readGpus(root: string, pci: readonly PciDevice[]): Promise<readonly GpuDevice[]> {
	const gpus: GpuDevice[] = [];
	for (const device of pci) {
		const vendor = gpuVendors[device.vendor] ?? "other";
		const counts = vendor === "other" ? computeClass.test(device.class) : gpuClass(device.class);
		if (!counts) continue;
		gpus.push({ address: device.address, vendor, numaNode: device.numaNode, driver: await driverOf(root, device) });
	}
	return gpus;
}

function gpuClass(kind: string): boolean {
	return displayClass.test(kind) || computeClass.test(kind);
}

/** The bound driver by sysfs; where that is hidden, NVIDIA's own list of the GPUs that it drives. */
async function driverOf(root: string, device: PciDevice): Promise<string | null> {
	const bound = await linkName(root, `${PCI_DIRECTORY}/${device.address}/driver`);
	if (bound !== null || gpuVendors[device.vendor] !== "nvidia") return bound;
	const information = await readLine(root, `proc/driver/nvidia/gpus/${device.address}/information`);
	return information === null ? null : "nvidia";
}
