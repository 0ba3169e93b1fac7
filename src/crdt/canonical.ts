// Fixed orders over text and JSON values, the same on every machine. Must never depend on locale or insertion order.

/** By UTF-16 code units (localeCompare differs between machines). */
export function compareText(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}

/** JSON with sorted keys: equal values give equal text. */
export function canonicalJson(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
	if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
	const fields = Object.entries(value).sort(([a], [b]) => compareText(a, b));
	return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`).join(",")}}`;
}
