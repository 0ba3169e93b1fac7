// Waits for a condition that gives no event. Polls; fails with what was last seen.

export async function until<T>(what: string, look: () => T | Promise<T>, deadlineMs = 10_000): Promise<NonNullable<T>> {
	const endMs = Date.now() + deadlineMs;
	let last: unknown = null;
	for (;;) {
		try {
			const seen = await look();
			if (seen) return seen as NonNullable<T>;
			last = seen;
		} catch (thrown) {
			last = thrown;
		}
		if (Date.now() > endMs) throw new Error(`waited ${deadlineMs} ms for ${what}; last: ${String(last)}`);
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
}
