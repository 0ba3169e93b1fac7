// `swarm doctor`: what this machine offers and lacks for Stratoswarm, and how to mend it. Changes nothing on the machine.

import { judge } from "./judge.js";
import { readFacts } from "./read-facts.js";
import type { DoctorReport } from "./report.js";

export type { DoctorFinding, DoctorReport } from "./report.js";

/** Takes 0.1–0.3 s, most of it CRIU's own check. Rejects only when the signal aborts. */
export async function doctor(signal: AbortSignal = AbortSignal.timeout(30_000)): Promise<DoctorReport> {
	return judge(await readFacts("/", signal));
}
