import type { DoctorFinding } from "../../node/doctor/doctor.js";
import { doctor } from "../../node/doctor/doctor.js";
import { BaseCommand } from "../base-command.js";
import { oneLine, table } from "../print.js";

export default class Doctor extends BaseCommand {
	static override summary = "Tell what this machine offers and lacks for Stratoswarm, each lack with what helps.";
	static override description =
		"Changes nothing and needs no daemon. `missing` keeps something from working, `limited` works with less.";
	static override examples = ["<%= config.bin %> doctor", "<%= config.bin %> doctor --json"];

	async run(): Promise<void> {
		await this.parse(Doctor);
		const report = await doctor();
		this.answer(report, () => `${findings(report)}${fixes(report)}`);
	}
}

function findings(report: readonly DoctorFinding[]): string {
	return table(
		["FEATURE", "STATUS", "FOUND"],
		report.map((each) => [each.name, each.status, oneLine(each.found)]),
	);
}

function fixes(report: readonly DoctorFinding[]): string {
	const lacks = report.filter((each) => each.status !== "ok");
	if (lacks.length === 0) return "\nNothing is missing.\n";
	const lines = lacks.map((each) => {
		const fix = each.fix === null ? "nothing on this machine can help" : oneLine(each.fix);
		return `  ${each.name}, wanted ${oneLine(each.wanted)}: ${fix}\n`;
	});
	return `\nWhat helps:\n${lines.join("")}`;
}
