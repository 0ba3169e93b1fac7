// Virtual time for a whole world: events in order of their time, then of their making. Between two events every promise that
// can go on does so, hence a run depends on nothing but its seed. Must never: ask the machine for time or chance.

/** Events between two looks at a stuck run. */
const EVENTS_MAX = 5_000_000;

interface TimelineEvent {
	readonly atMs: number;
	readonly order: number;
	run: (() => void) | null;
}

export interface Timeline {
	nowMs(): number;
	/** Runs `callback` after `delayMs`; the returned function cancels. */
	after(delayMs: number, callback: () => void): () => void;
	/** Moves time on by `durationMs`, running what falls into it. Rejects with the first error that `fail` was given. */
	run(durationMs: number): Promise<void>;
	/** Ends the run with an error: something the simulated code must never do. */
	fail(error: Error): void;
}

/** Starts at a fixed time of day, so that records show plausible times. */
export const START_MS: number = Date.UTC(2030, 0, 1);

export function createTimeline(): Timeline {
	const heap: TimelineEvent[] = [];
	let now = START_MS;
	let order = 0;
	let failure: Error | null = null;

	const isBefore = (a: TimelineEvent, b: TimelineEvent) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

	const add = (event: TimelineEvent) => {
		heap.push(event);
		let at = heap.length - 1;
		while (at > 0) {
			const parent = (at - 1) >> 1;
			if (!isBefore(event, heap[parent] as TimelineEvent)) break;
			heap[at] = heap[parent] as TimelineEvent;
			at = parent;
		}
		heap[at] = event;
	};

	const take = (): TimelineEvent => {
		const first = heap[0] as TimelineEvent;
		const last = heap.pop() as TimelineEvent;
		if (heap.length === 0) return first;
		let at = 0;
		for (;;) {
			let child = 2 * at + 1;
			if (child >= heap.length) break;
			if (child + 1 < heap.length && isBefore(heap[child + 1] as TimelineEvent, heap[child] as TimelineEvent))
				child += 1;
			if (!isBefore(heap[child] as TimelineEvent, last)) break;
			heap[at] = heap[child] as TimelineEvent;
			at = child;
		}
		heap[at] = last;
		return first;
	};

	return {
		nowMs: () => now,
		after(delayMs, callback) {
			const event: TimelineEvent = { atMs: now + Math.max(0, delayMs), order: order++, run: callback };
			add(event);
			return () => {
				event.run = null;
			};
		},
		async run(durationMs) {
			const endMs = now + durationMs;
			await settle();
			for (let count = 0; heap[0] !== undefined && heap[0].atMs <= endMs; count++) {
				if (count > EVENTS_MAX) throw new Error(`more than ${EVENTS_MAX} events in ${durationMs} ms: the world spins`);
				const event = take();
				if (event.run === null) continue;
				now = event.atMs;
				event.run();
				await settle();
				if (failure !== null) throw failure;
			}
			now = endMs;
			if (failure !== null) throw failure;
		},
		fail(error) {
			failure ??= error;
		},
	};
}

/** Microtasks are all done before an immediate runs. */
function settle(): Promise<void> {
	return new Promise((resolve) => setImmediate(resolve));
}
