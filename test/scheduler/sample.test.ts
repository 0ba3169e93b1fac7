import { tmpdir } from "node:os";
import { afterAll, describe, expect, it } from "vitest";
import { readSample } from "../../src/scheduler/sample.js";
import { emptyMachine, type Recording, unpackText } from "./recorded.js";

const recordings: Recording[] = [];
function keep(recording: Recording): string {
	recordings.push(recording);
	return recording.root;
}
afterAll(() => Promise.all(recordings.map((recording) => recording.remove())));

const nowMs = 1_700_000_000_000;
const chip = "sys/class/hwmon/hwmon0";

describe("readSample", () => {
	it("reports the sensor nearest to its own limit, not the hottest one", async () => {
		const root = keep(
			emptyMachine({
				[`${chip}/temp1_input`]: "70000\n",
				[`${chip}/temp1_crit`]: "110000\n",
				[`${chip}/temp2_input`]: "60000\n",
				[`${chip}/temp2_crit`]: "84000\n",
				[`${chip}/temp3_input`]: "90000\n",
			}),
		);
		expect(await readSample(root, root, { nowMs })).toMatchObject({
			temperatureCelsius: 60,
			thermalHeadroomCelsius: 24,
		});
	});

	it("reads the recorded sensors of node_exporter", async () => {
		const root = keep(unpackText("sys-thermal"));
		expect(await readSample(root, root, { nowMs })).toMatchObject({
			temperatureCelsius: 55,
			thermalHeadroomCelsius: 45,
		});
	});

	it("knows a temperature but no headroom when no sensor has a limit", async () => {
		const root = keep(emptyMachine({ [`${chip}/temp1_input`]: "41500\n" }));
		expect(await readSample(root, root, { nowMs })).toMatchObject({
			temperatureCelsius: 41.5,
			thermalHeadroomCelsius: null,
		});
	});

	it("ignores a sensor that is broken or says what cannot be", async () => {
		const root = keep(
			emptyMachine({
				[`${chip}/temp1_input`]: "20000\n",
				[`${chip}/temp1_fault`]: "1\n",
				[`${chip}/temp2_input`]: "-128000\n",
			}),
		);
		expect(await readSample(root, root, { nowMs })).toMatchObject({
			temperatureCelsius: null,
			thermalHeadroomCelsius: null,
		});
	});

	it("takes the critical trip of a thermal zone as its limit", async () => {
		const zone = "sys/class/thermal/thermal_zone3";
		const root = keep(
			emptyMachine({
				[`${zone}/temp`]: "52000\n",
				[`${zone}/type`]: "x86_pkg_temp\n",
				[`${zone}/trip_point_0_type`]: "passive\n",
				[`${zone}/trip_point_0_temp`]: "80000\n",
				[`${zone}/trip_point_1_type`]: "critical\n",
				[`${zone}/trip_point_1_temp`]: "105000\n",
			}),
		);
		expect(await readSample(root, root, { nowMs })).toMatchObject({ thermalHeadroomCelsius: 53 });
	});

	it("reads load, available memory and pressure", async () => {
		const root = keep(
			emptyMachine({
				"proc/loadavg": "1.25 0.75 0.50 2/345 6789\n",
				"proc/meminfo": "MemTotal: 2048 kB\nMemFree: 100 kB\nMemAvailable:    1024 kB\n",
				"proc/pressure/cpu": "some avg10=12.50 avg60=1.00 avg300=0.00 total=1\n",
				"proc/pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=9.00\n",
			}),
		);
		expect(await readSample(root, root, { nowMs })).toMatchObject({
			takenAtMs: nowMs,
			load1: 1.25,
			load5: 0.75,
			memoryBytesAvailable: 1024 * 1024,
			cpuPressure: 12.5,
			memoryPressure: 0,
			ioPressure: null,
		});
	});

	it("reads this very machine with the free space of a directory", async () => {
		const sample = await readSample("/", tmpdir(), { nowMs });
		expect(sample.memoryBytesAvailable).toBeGreaterThan(0);
		expect(sample.diskBytesFree).toBeGreaterThan(0);
	});

	it("says 0 bytes free for a directory that does not exist", async () => {
		expect((await readSample("/", "/does/not/exist", { nowMs })).diskBytesFree).toBe(0);
	});
});
