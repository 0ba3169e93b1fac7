import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readHardware } from "../../src/scheduler/hardware.js";
import { emptyMachine, type Recording, readExpected, unpackMachine, unpackText } from "./recorded.js";

const recordings: Recording[] = [];
function keep(recording: Recording): string {
	recordings.push(recording);
	return recording.root;
}
afterAll(() => Promise.all(recordings.map((recording) => recording.remove())));

describe("readHardware on recorded machines", () => {
	it.each([
		["32em64t-2n8c", 2],
		["40intel64-2g2n4c", 4],
		["nvidia-dgx-gb10", 1],
	])("finds in %s the CPUs, cores and NUMA nodes that hwloc finds", async (name, nodes) => {
		const root = keep(unpackMachine(name));
		const profile = await readHardware(root);
		const expected = readExpected(root);
		expect(profile.cpus).toBe(expected.cpus);
		expect(profile.cores).toBe(expected.cores);
		expect(expected.numa).toHaveLength(nodes);
		expect(profile.numa.map((node) => ({ id: node.id, cpus: node.cpus }))).toEqual(
			expected.numa.map((node) => ({ id: node.id, cpus: node.cpus })),
		);
		const biggest = Math.max(...profile.numa.map((node) => node.memoryBytes));
		expect(biggest).toBe(Math.max(...expected.numa.map((node) => node.memoryBytes)));
	});

	it("reads the distances of eight NUMA nodes as the firmware gives them", async () => {
		const profile = await readHardware(keep(unpackMachine("64amd64-4s2n4ca2co")));
		expect(profile.numa).toHaveLength(8);
		expect(profile.numa[0]?.distances).toEqual([10, 16, 16, 22, 16, 22, 16, 22]);
		expect(profile.numa[5]?.distances).toEqual([22, 22, 16, 16, 16, 10, 22, 16]);
		expect(profile.cpus).toBe(64);
		expect(profile.architecture).toBe("x86_64");
		expect(profile.cpuModel).toBe("AMD Opteron(TM) Processor 6276");
		expect(profile.pci).toEqual([]);
	});

	it("puts PCI devices on the NUMA node where hwloc puts them", async () => {
		const root = keep(unpackMachine("32em64t-2n8c"));
		const { pci } = await readHardware(root);
		const { pciNodes } = readExpected(root);
		const known = pci.filter((device) => device.numaNode !== null);
		expect(known.length).toBeGreaterThanOrEqual(5);
		for (const device of known)
			expect([device.address, [device.numaNode]]).toEqual([device.address, pciNodes.get(device.address)]);
		expect(pci.find((device) => device.address === "0000:82:00.0")).toMatchObject({
			vendor: "15b3",
			class: "028000",
			numaNode: 1,
		});
	});

	it("reads link speed and width, and leaves bridges and chipset parts out", async () => {
		const root = keep(unpackMachine("40intel64-2g2n4c"));
		const { pci, gpus } = await readHardware(root);
		expect(pci.find((device) => device.address === "0000:43:00.0")).toEqual({
			address: "0000:43:00.0",
			vendor: "1077",
			device: "7322",
			class: "0c0600",
			numaNode: 2,
			linkSpeedGtps: 8,
			linkWidth: 4,
		});
		expect(pci.find((device) => device.address === "0000:01:00.0")).toMatchObject({
			numaNode: null,
			linkSpeedGtps: null,
		});
		expect(pci.filter((device) => device.class.startsWith("06"))).toEqual([]);
		expect(gpus, "the Matrox chip of the management board is no GPU").toEqual([]);
	});

	it("reads an arm64 machine with its features", async () => {
		const profile = await readHardware(keep(unpackMachine("nvidia-dgx-gb10")));
		expect(profile.architecture).toBe("aarch64");
		expect(profile.kernel).toBe("6.17.0-1014-nvidia");
		expect(profile.cpuFlags).toContain("sve2");
		expect(profile.memoryBytes).toBe(125508468 * 1024);
	});

	it("finds sensors with their labels and critical limits", async () => {
		const { sensors } = await readHardware(keep(unpackText("sys-thermal")));
		expect(sensors).toContainEqual({ name: "hwmon0/temp1", label: "coretemp Physical id 0", criticalCelsius: 100 });
		expect(sensors).toContainEqual({ name: "hwmon8/temp1", label: "mt7996_phy0_0", criticalCelsius: null });
		expect(sensors.at(-1)).toEqual({ name: "thermal_zone0", label: "cpu-thermal", criticalCelsius: null });
	});
});

describe("readHardware where things are missing", () => {
	it("gives nulls and empty lists for a machine that shows nothing", async () => {
		expect(await readHardware(keep(emptyMachine()))).toEqual({
			architecture: "unknown",
			kernel: "unknown",
			cpuModel: null,
			cpuFlags: [],
			cpus: 0,
			cores: 0,
			memoryBytes: 0,
			numa: [],
			pci: [],
			gpus: [],
			sensors: [],
		});
	});

	it("takes nothing from files that do not hold what they should", async () => {
		const device = "sys/bus/pci/devices/0000:01:00.0";
		const profile = await readHardware(
			keep(
				emptyMachine({
					"sys/devices/system/cpu/online": "0-999999999\n",
					"proc/stat": "cpu  1 2\ncpu0 1 2\ncpu1 1 2\n",
					"sys/devices/system/node/node0/cpulist": "7-3\n",
					"sys/devices/system/node/node0/distance": "ten\n",
					"sys/class/hwmon/hwmon0/temp1_input": "30000\n",
					"sys/class/hwmon/hwmon0/temp1_crit": "0\n",
					[`${device}/vendor`]: "0x8086\n",
				}),
			),
		);
		expect(profile.cpus).toBe(2);
		expect(profile.numa).toEqual([{ id: 0, cpus: [], memoryBytes: 0, distances: [] }]);
		expect(profile.sensors).toEqual([{ name: "hwmon0/temp1", label: null, criticalCelsius: null }]);
		expect(profile.pci).toEqual([]);
	});

	it("tells an NVIDIA GPU with its driver and NUMA node, and one without a driver", async () => {
		const gpu = (address: string) => ({
			[`sys/bus/pci/devices/${address}/vendor`]: "0x10de\n",
			[`sys/bus/pci/devices/${address}/device`]: "0x2331\n",
			[`sys/bus/pci/devices/${address}/class`]: "0x030200\n",
			[`sys/bus/pci/devices/${address}/numa_node`]: "1\n",
			[`sys/bus/pci/devices/${address}/current_link_speed`]: "32.0 GT/s PCIe\n",
			[`sys/bus/pci/devices/${address}/current_link_width`]: "16\n",
		});
		const information = "proc/driver/nvidia/gpus/0000:5e:00.0/information";
		const root = keep(
			emptyMachine({
				...gpu("0000:3b:00.0"),
				...gpu("0000:5e:00.0"),
				...gpu("0000:af:00.0"),
				[information]: "Model: \t H100\n",
			}),
		);
		mkdirSync(join(root, "sys/bus/pci/drivers/nvidia"), { recursive: true });
		symlinkSync("../../drivers/nvidia", join(root, "sys/bus/pci/devices/0000:3b:00.0/driver"));
		const { gpus, pci } = await readHardware(root);
		expect(gpus).toEqual([
			{ address: "0000:3b:00.0", vendor: "nvidia", numaNode: 1, driver: "nvidia" },
			{ address: "0000:5e:00.0", vendor: "nvidia", numaNode: 1, driver: "nvidia" },
			{ address: "0000:af:00.0", vendor: "nvidia", numaNode: 1, driver: null },
		]);
		expect(pci[0]).toMatchObject({ linkSpeedGtps: 32, linkWidth: 16 });
	});

	it("reads this very machine", async () => {
		const profile = await readHardware("/");
		expect(profile.cpus).toBeGreaterThan(0);
		expect(profile.cores).toBeLessThanOrEqual(profile.cpus);
		expect(profile.memoryBytes).toBeGreaterThan(0);
		expect(profile.kernel).toMatch(/^\d+\.\d+/);
		expect(["x86_64", "aarch64"]).toContain(profile.architecture);
	});
});
