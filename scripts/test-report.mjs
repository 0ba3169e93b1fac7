// Vitest reporter for scripts/test.mjs: writes {passed, failed, skipped: [{name, reason}]} to the file that
// STRATOSWARM_TEST_REPORT names. A test file that cannot be loaded and an error outside any test count as failed.

import { writeFileSync } from "node:fs";

/** Without a reason of its own, a skipped test has that of the condition it stands under, which Vitest does not tell. */
const unknownReason = "condition of the test file";

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
				reason: result.note ?? unknownReason,
			});
			break;
		default:
			report.failed++;
	}
}
