// Log lines about strangers, as many as people can read: who knocks all day must not fill the disk.

import type { Clock } from "../clock.js";
import type { LogFields, Logger } from "../log.js";
import { type Rate, type RateUse, takeFrom, unused } from "./pace.js";

/** Of one address: so many lines at once, then one in ten seconds. */
export const LINES: Rate = { perSecond: 0.1, burst: 20 };
/** Addresses told apart; of more, the one that was heard first is forgotten. */
const ADDRESSES_MAX = 256;

interface Heard {
	use: RateUse;
	leftOut: number;
}

/** Writes a warning, unless there were too many of that address; the next one then says how many were left out. */
export type PacedWarn = (address: string, message: string, fields: LogFields) => void;

export function pacedWarn(logger: Logger, clock: Clock): PacedWarn {
	const heard = new Map<string, Heard>();
	return (address, message, fields) => {
		const known = heard.get(address) ?? { use: unused, leftOut: 0 };
		const oldest = heard.size >= ADDRESSES_MAX && !heard.has(address) ? heard.keys().next().value : undefined;
		if (oldest !== undefined) heard.delete(oldest);
		heard.set(address, known);
		const { use, waitMs } = takeFrom(LINES, known.use, 1, clock.monotonicMs());
		if (waitMs > 0) {
			known.leftOut++;
			return;
		}
		known.use = use;
		const { leftOut } = known;
		known.leftOut = 0;
		logger.warn(message, { ...fields, address, ...(leftOut === 0 ? {} : { linesLeftOut: leftOut }) });
	};
}
