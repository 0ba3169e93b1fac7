// Vitest reporter for scripts/test.mjs: writes {passed, failed, skipped: [{name, reason}]} to the file that
// STRATOSWARM_TEST_REPORT names. A test file that cannot be loaded and an error outside any test count as failed.

import { writeFileSync } from "node:fs";

/** Why a test was skipped: what it said itself, else what its name or its group's says in `(needs …)`. */
function reasonOf(test, note) {
	return note ?? [...test.fullName.matchAll(/\(needs ([^)]+)\)/g)].at(-1)?.[1] ?? "not told";
}

export default class TestReport {
	onTestRunEnd(testModules, unhandledErrors) {
		const report = { passed: 0, failed: unhandledErrors.length, skipped: [] };
		for (const module of testModules) {
			if (module.errors().length > 0) report.failed++;
			for (const test of module.children.allTests()) addTest(report, module, test);
			for (const suite of module.children.allSuites()) report.failed += suite.errors().length;
		}
		writeFileSync(process.env.STRATOSWARM_TEST_REPORT, JSON.stringify(report));
	}
}

function addTest(report, module, test) {
	const result = test.result();
	switch (result.state) {
		case "passed":
			report.passed++;
			break;
		case "skipped":
			report.skipped.push({
				name: `${module.relativeModuleId}: ${test.fullName}`,
				reason: reasonOf(test, result.note),
			});
			break;
		default:
			report.failed++;
	}
}
