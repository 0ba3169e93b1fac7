// What every benchmark prints: rows of medians, ours against the peer in the same run, and whether the goal holds.

export interface BenchRow {
	readonly what: string;
	readonly unit: string;
	readonly ours: number;
	/** Name and version of what we compare with; null without a peer. */
	readonly peer: string | null;
	readonly theirs: number | null;
	/** ours / theirs. */
	readonly ratio: number | null;
	/** As a person reads it: `≤ 0.7 × crun`, `≤ 150 MB`; null for a row that only informs. */
	readonly goal: string | null;
	readonly holds: boolean | null;
	readonly runs: number;
}

export interface BenchReport {
	readonly bench: string;
	readonly rows: readonly BenchRow[];
}

export function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = Math.floor(sorted.length / 2);
	const upper = sorted[middle] ?? Number.NaN;
	return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

export function comparedRow(
	what: string,
	unit: string,
	ours: readonly number[],
	peer: { readonly name: string; readonly values: readonly number[] },
	ratioMax: number | null,
): BenchRow {
	const mine = median(ours);
	const theirs = median(peer.values);
	const ratio = mine / theirs;
	return {
		what,
		unit,
		ours: mine,
		peer: peer.name,
		theirs,
		ratio,
		goal: ratioMax === null ? null : `≤ ${ratioMax} × ${peer.name}`,
		holds: ratioMax === null ? null : ratio <= ratioMax,
		runs: ours.length,
	};
}

/** Of throughputs, where more is better. */
export function fasterRow(
	what: string,
	unit: string,
	ours: readonly number[],
	peer: { readonly name: string; readonly values: readonly number[] },
	ratioMin: number,
): BenchRow {
	const row = comparedRow(what, unit, ours, peer, null);
	return { ...row, goal: `≥ ${ratioMin} × ${peer.name}`, holds: (row.ratio ?? 0) >= ratioMin };
}

export function boundedRow(what: string, unit: string, ours: readonly number[], max: number): BenchRow {
	const mine = median(ours);
	const none = { peer: null, theirs: null, ratio: null };
	return { what, unit, ours: mine, ...none, goal: `≤ ${max} ${unit}`, holds: mine <= max, runs: ours.length };
}

/** A row without a goal. */
export function informingRow(what: string, unit: string, ours: readonly number[]): BenchRow {
	const none = { peer: null, theirs: null, ratio: null, goal: null, holds: null };
	return { what, unit, ours: median(ours), ...none, runs: ours.length };
}

export function textOf(report: BenchReport): string {
	const head = ["what", "unit", "ours", "peer", "theirs", "ratio", "goal", "holds", "runs"];
	const lines = report.rows.map((row) => [
		row.what,
		row.unit,
		figure(row.ours),
		row.peer ?? "-",
		figure(row.theirs),
		figure(row.ratio),
		row.goal ?? "-",
		row.holds === null ? "-" : row.holds ? "yes" : "NO",
		String(row.runs),
	]);
	const widths = head.map((title, at) => Math.max(title.length, ...lines.map((line) => line[at]?.length ?? 0)));
	const format = (cells: readonly string[]) =>
		cells
			.map((cell, at) => cell.padEnd(widths[at] ?? 0))
			.join("  ")
			.trimEnd();
	return [head, ...lines].map(format).join("\n");
}

function figure(value: number | null): string {
	return value === null ? "-" : value.toPrecision(3);
}
