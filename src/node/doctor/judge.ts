// Facts to findings: pure. Every threshold of doctor stands in these files, with its reason.

import type { MachineFacts } from "./facts.js";
import { judgeEquipment } from "./judge-equipment.js";
import { judgeKernel } from "./judge-kernel.js";
import { judgePrivileges } from "./judge-privileges.js";
import type { DoctorReport } from "./report.js";

export function judge(facts: MachineFacts): DoctorReport {
	return [...judgePrivileges(facts), ...judgeKernel(facts), ...judgeEquipment(facts)];
}
