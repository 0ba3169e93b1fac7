// Temperature sensors: hwmon chips and thermal zones (Documentation/hwmon/sysfs-interface.rst,
// Documentation/ABI/testing/sysfs-class-thermal). Values there are thousandths of a degree Celsius.
// Must never turn an absent, faulty or absurd reading into a number.

import type { Sensor } from "../../model.js";
import { listNames, readInteger, readLine } from "./read.js";

export const SENSORS_MAX = 256;
const CHIPS_MAX = 128;
const HWMON_DIRECTORY = "sys/class/hwmon";
const THERMAL_DIRECTORY = "sys/class/thermal";

/** Outside of these a reading or a limit is a sensor that is not connected or a register that was never set. */
const READING_CELSIUS_MIN = -40;
const READING_CELSIUS_MAX = 150;
const LIMIT_CELSIUS_MIN = 30;
const LIMIT_CELSIUS_MAX = 150;

/** A sensor and where its reading stands. */
export interface SensorPath {
	readonly sensor: Sensor;
	/** File of the reading, relative to the root. */
	readonly input: string;
	/** File that says 1 while the sensor is broken; null without one. */
	readonly fault: string | null;
}

export interface Temperature {
	/** Of the sensor nearest to its own limit; without any limit, of the hottest. */
	readonly temperatureCelsius: number;
	/** Margin to that limit; null when no sensor has one. */
	readonly thermalHeadroomCelsius: number | null;
}

export async function findSensors(root: string): Promise<readonly SensorPath[]> {
	const found = [...(await hwmonSensors(root)), ...(await thermalZones(root))];
	return found.slice(0, SENSORS_MAX);
}

/** The reading that matters now; null when no sensor gives one. */
export async function readTemperature(root: string, sensors: readonly SensorPath[]): Promise<Temperature | null> {
	let nearest: Temperature | null = null;
	for (const path of sensors) {
		const temperatureCelsius = await readingOf(root, path);
		if (temperatureCelsius === null) continue;
		const limit = path.sensor.criticalCelsius;
		const seen = { temperatureCelsius, thermalHeadroomCelsius: limit === null ? null : limit - temperatureCelsius };
		if (nearest === null || mattersMore(seen, nearest)) nearest = seen;
	}
	return nearest;
}

function mattersMore(seen: Temperature, than: Temperature): boolean {
	if (seen.thermalHeadroomCelsius === null) {
		return than.thermalHeadroomCelsius === null && seen.temperatureCelsius > than.temperatureCelsius;
	}
	return than.thermalHeadroomCelsius === null || seen.thermalHeadroomCelsius < than.thermalHeadroomCelsius;
}

async function readingOf(root: string, path: SensorPath): Promise<number | null> {
	if (path.fault !== null && (await readInteger(root, path.fault)) === 1) return null;
	return within(await readInteger(root, path.input), READING_CELSIUS_MIN, READING_CELSIUS_MAX);
}

function within(milliCelsius: number | null, least: number, most: number): number | null {
	const celsius = milliCelsius === null ? Number.NaN : milliCelsius / 1000;
	return celsius >= least && celsius <= most ? celsius : null;
}

async function hwmonSensors(root: string): Promise<readonly SensorPath[]> {
	const found: SensorPath[] = [];
	for (const chip of await listNames(root, HWMON_DIRECTORY, /^hwmon\d+$/, CHIPS_MAX)) {
		const directory = `${HWMON_DIRECTORY}/${chip}`;
		const chipName = await readLine(root, `${directory}/name`);
		for (const input of await listNames(root, directory, /^temp\d+_input$/, SENSORS_MAX)) {
			const channel = input.replace("_input", "");
			const label = [chipName, await readLine(root, `${directory}/${channel}_label`)].filter((part) => part !== null);
			const critical = await readInteger(root, `${directory}/${channel}_crit`);
			found.push({
				sensor: {
					name: `${chip}/${channel}`,
					label: label.length === 0 ? null : label.join(" "),
					criticalCelsius: within(critical, LIMIT_CELSIUS_MIN, LIMIT_CELSIUS_MAX),
				},
				input: `${directory}/${input}`,
				fault: `${directory}/${channel}_fault`,
			});
		}
	}
	return found;
}

async function thermalZones(root: string): Promise<readonly SensorPath[]> {
	const found: SensorPath[] = [];
	for (const zone of await listNames(root, THERMAL_DIRECTORY, /^thermal_zone\d+$/, CHIPS_MAX)) {
		const directory = `${THERMAL_DIRECTORY}/${zone}`;
		if ((await readInteger(root, `${directory}/temp`)) === null) continue;
		found.push({
			sensor: {
				name: zone,
				label: await readLine(root, `${directory}/type`),
				criticalCelsius: await criticalTrip(root, directory),
			},
			input: `${directory}/temp`,
			fault: null,
		});
	}
	return found;
}

async function criticalTrip(root: string, directory: string): Promise<number | null> {
	for (const file of await listNames(root, directory, /^trip_point_\d+_type$/, CHIPS_MAX)) {
		if ((await readLine(root, `${directory}/${file}`)) !== "critical") continue;
		const trip = await readInteger(root, `${directory}/${file.replace("_type", "_temp")}`);
		return within(trip, LIMIT_CELSIUS_MIN, LIMIT_CELSIUS_MAX);
	}
	return null;
}
