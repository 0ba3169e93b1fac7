// Pure: the texts of a container's cgroup files as numbers. Names of files and keys: cgroup-v2.rst, psi.rst, cgroup-v1/*.rst and
// sched-bwc.rst of the kernel documentation.

/** What a text tells of; the same in both versions of cgroups where the file has another name. */
export type ReadingName = "cpu" | "quota" | "memory" | "pids" | "io" | "cpuPressure" | "memoryPressure" | "ioPressure";

export type Readings = Readonly<Partial<Record<ReadingName, string | null>>>;

/** `key number` on a line; null without it. */
export function keyIn(text: string | null | undefined, key: string): number | null {
	if (text == null) return null;
	const at = text.startsWith(`${key} `) ? 0 : text.indexOf(`\n${key} `) + 1;
	if (at === 0 && !text.startsWith(`${key} `)) return null;
	return Number.parseInt(text.slice(at + key.length + 1), 10);
}

export function numberOf(text: string | null | undefined): number | null {
	return text == null ? null : Number(text);
}

/** Throttling by the own quota: v2 counts microseconds, v1 nanoseconds. Null without a quota. */
export function throttlingIn(
	text: string | null | undefined,
): { readonly periods: number; readonly us: number } | null {
	const periods = keyIn(text, "nr_throttled");
	if (periods === null) return null;
	const us = keyIn(text, "throttled_usec") ?? (keyIn(text, "throttled_time") ?? 0) / 1_000;
	return { periods, us };
}

/** `some avg10=1.23 … total=456` (percent, microseconds); null without PSI. */
export function pressureIn(
	text: string | null | undefined,
): { readonly percent: number; readonly stallUs: number } | null {
	const found = /^some avg10=(\d+(?:\.\d+)?) .*total=(\d+)/m.exec(text ?? "");
	return found === null ? null : { percent: Number(found[1]), stallUs: Number(found[2]) };
}

/** Bytes over all devices: `8:0 rbytes=1 wbytes=2 …` in v2, `8:0 Read 1` and `8:0 Write 2` in v1. Null without the controller. */
export function bytesIn(text: string | null | undefined): { readonly read: number; readonly written: number } | null {
	if (text == null) return null;
	const sum = (pattern: RegExp) => [...text.matchAll(pattern)].reduce((total, [, bytes]) => total + Number(bytes), 0);
	return { read: sum(/(?: rbytes=| Read )(\d+)/g), written: sum(/(?: wbytes=| Write )(\d+)/g) };
}

/** Bytes of each link of /proc/net/dev, as its own side counts them. */
export function linkBytesIn(text: string): ReadonlyMap<string, { readonly received: number; readonly sent: number }> {
	const links = new Map<string, { readonly received: number; readonly sent: number }>();
	for (const line of text.split("\n").slice(2)) {
		const colon = line.indexOf(":");
		if (colon < 0) continue;
		const numbers = line
			.slice(colon + 1)
			.trim()
			.split(/\s+/);
		links.set(line.slice(0, colon).trim(), { received: Number(numbers[0]), sent: Number(numbers[8]) });
	}
	return links;
}
