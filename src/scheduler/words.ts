// Figures as they stand in sentences: `1.5 GiB`, `0.5 CPUs`, `41 °C`. Pure.

const KIB = 1024;
const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** One decimal below ten, none above; exact for small numbers. */
export function bytesInWords(bytes: number): string {
	let value = bytes;
	let unit = 0;
	while (Math.abs(value) >= KIB && unit < units.length - 1) {
		value /= KIB;
		unit++;
	}
	return `${rounded(value)} ${units[unit]}`;
}

export function cpusInWords(cpus: number): string {
	return cpus === 1 ? "1 CPU" : `${Number(cpus.toFixed(2))} CPUs`;
}

export function rounded(value: number): string {
	return String(Number(value.toFixed(Math.abs(value) < 10 ? 1 : 0)));
}
