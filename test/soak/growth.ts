// Whether memory grows: a line through samples by least squares, and what it would have added by the end. Pure.

export interface Point {
	readonly minutes: number;
	readonly bytes: number;
}

export interface Growth {
	readonly mbPerHour: number;
	/** What the line adds over the time of its points, as a share of where it begins. */
	readonly share: number;
}

const MB = 1_000_000;

/** Two points at least. */
export function growthOf(points: readonly Point[]): Growth {
	const mean = (of: (point: Point) => number) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
	const [x, y] = [mean(({ minutes }) => minutes), mean(({ bytes }) => bytes)];
	const spread = points.reduce((sum, { minutes }) => sum + (minutes - x) ** 2, 0);
	const common = points.reduce((sum, { minutes, bytes }) => sum + (minutes - x) * (bytes - y), 0);
	const slope = spread === 0 ? 0 : common / spread;
	const times = points.map(({ minutes }) => minutes);
	const [first, last] = [Math.min(...times), Math.max(...times)];
	return { mbPerHour: (slope * 60) / MB, share: (slope * (last - first)) / (y + slope * (first - x)) };
}

export function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
