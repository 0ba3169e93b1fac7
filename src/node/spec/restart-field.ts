// `restart` of a spec: as text (`always`, `on-failure:5`) or as fields.

import type { RestartPolicy } from "../../model.js";
import { RESTART_ATTEMPTS_MAX } from "./limits.js";
import type { Report } from "./problems.js";
import type { Fields } from "./readers.js";

const never: RestartPolicy = { when: "never", attemptsMax: null };
const wanted = `never, on-failure, on-failure:COUNT (1 to ${RESTART_ATTEMPTS_MAX}) or always`;

export function restartOf(given: unknown, report: Report): RestartPolicy {
	if (given === undefined || given === null) return never;
	const read = typeof given === "string" ? restartIn(given) : restartFrom(given);
	if (read === null) report.value(["restart"], given, wanted);
	return read ?? never;
}

function restartIn(text: string): RestartPolicy | null {
	const [when, count, ...rest] = text.trim().split(":");
	if (rest.length > 0 || count === "") return null;
	return restartFrom({ when, attemptsMax: count === undefined ? null : Number(count) });
}

function restartFrom(given: unknown): RestartPolicy | null {
	if (typeof given !== "object" || given === null) return null;
	const { when, attemptsMax = null, ...unknown } = given as Fields;
	if (Object.keys(unknown).length > 0) return null;
	if (when !== "never" && when !== "on-failure" && when !== "always") return null;
	if (attemptsMax === null) return { when, attemptsMax };
	if (when !== "on-failure" || typeof attemptsMax !== "number" || !Number.isInteger(attemptsMax)) return null;
	return attemptsMax >= 1 && attemptsMax <= RESTART_ATTEMPTS_MAX ? { when, attemptsMax } : null;
}

/** `on-failure:5`, as it is given. */
export function restartInWords({ when, attemptsMax }: RestartPolicy): string {
	return attemptsMax === null ? when : `${when}:${attemptsMax}`;
}
