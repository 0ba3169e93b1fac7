// Waits for host ends of veth pairs to go. The kernel deletes them in the background when their namespace dies; deleting one
// by hand takes 33 ms of a thread, so that is the last resort. One loop for all; it ends when nothing is left.

import { readFileSync } from "node:fs";
import type { Clock } from "../../clock.js";
import type { Logger } from "../../log.js";
import type { Native } from "../../native/native.js";

/** How long the kernel may take before a link is deleted by hand. */
const LINK_MS_MAX = 3_000;
const LOOK_MS = 10;

export interface DepartingLinks {
	/** Resolves when no link of that name is there. Never rejects. */
	gone(name: string): Promise<void>;
	/** Resolves when nothing is departing. */
	all(): Promise<void>;
}

interface Departure {
	readonly sinceMs: number;
	readonly promise: Promise<void>;
	readonly resolve: () => void;
}

export function watchLinks(clock: Clock, native: Native, logger: Logger): DepartingLinks {
	const departing = new Map<string, Departure>();
	const look = () => {
		const present = linksPresent();
		for (const [name, { sinceMs, resolve }] of departing) {
			if (present.has(name)) {
				if (clock.monotonicMs() - sinceMs < LINK_MS_MAX) continue;
				void deleteByHand(name);
			}
			departing.delete(name);
			resolve();
		}
	};
	const deleteByHand = async (name: string) => {
		try {
			await native.linkDelete(name);
		} catch (thrown) {
			logger.warn("a network link cannot be deleted", { link: name, error: String(thrown) });
		}
	};
	const watch = async () => {
		const never = new AbortController().signal;
		while (departing.size > 0) {
			await clock.sleep(LOOK_MS, never);
			look();
		}
	};
	return {
		gone(name) {
			const known = departing.get(name);
			if (known !== undefined) return known.promise;
			if (!linksPresent().has(name)) return Promise.resolve();
			const { promise, resolve } = Promise.withResolvers<void>();
			departing.set(name, { sinceMs: clock.monotonicMs(), promise, resolve });
			if (departing.size === 1) void watch();
			return promise;
		},
		async all() {
			await Promise.all([...departing.values()].map(({ promise }) => promise));
		},
	};
}

/** Names of the links in the network namespace of this process (proc(5), net/dev). /sys may show another namespace. */
export function linksPresent(): ReadonlySet<string> {
	const lines = readFileSync("/proc/self/net/dev", "utf8").split("\n").slice(2);
	return new Set(lines.map((line) => (line.split(":")[0] ?? "").trim()).filter(Boolean));
}
