// What `swarm volume create` asks for, checked.

import { type Problem, problemsError, reportInto } from "./problems.js";
import { labelRule } from "./quantities.js";
import { fieldsOf, textField, textsOf } from "./readers.js";
import { VOLUME_NAME_PATTERN, VOLUME_NAME_WANTED } from "./volumes.js";

export interface VolumeWish {
	readonly name: string;
	readonly labels: Readonly<Record<string, string>>;
}

/** Throws `usage` that names every wrong field. */
export function validateVolume(given: unknown): VolumeWish {
	const problems: Problem[] = [];
	const report = reportInto(problems);
	const fields = fieldsOf(given, [], ["name", "labels"], report) ?? {};
	const name = textField(fields, "name", VOLUME_NAME_PATTERN, VOLUME_NAME_WANTED, report) ?? "";
	const labels = textsOf(fields.labels, ["labels"], labelRule, report);
	if (problems.length > 0) throw problemsError(problems, "volume");
	return { name, labels };
}
