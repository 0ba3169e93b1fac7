// Vitest reporter for scripts/test.mjs: writes {stray, files: [{file, passed, failed: [name], skipped: [{name, reason}]}]} to
// the file that STRATOSWARM_TEST_REPORT names. A test file that cannot be loaded counts as failed; `stray` counts errors
// outside any file.

import { writeFileSync } from "node:fs";

/** Why a test was skipped: what it said itself, else what its name or its group's says in `(needs …)`. */
function reasonOf(test, note) {
	return note ?? [...test.fullName.matchAll(/\(needs ([^)]+)\)/g)].at(-1)?.[1] ?? "not told";
}

export default class TestReport {
	onTestRunEnd(testModules, unhandledErrors) {
		const files = testModules.map((module) => {
			const report = { file: module.relativeModuleId, passed: 0, failed: [], skipped: [] };
			if (module.errors().length > 0) report.failed.push("the file itself");
			for (const test of module.children.allTests()) addTest(report, test);
			for (const suite of module.children.allSuites())
				if (suite.errors().length > 0) report.failed.push(suite.fullName);
			return report;
		});
		writeFileSync(process.env.STRATOSWARM_TEST_REPORT, JSON.stringify({ stray: unhandledErrors.length, files }));
	}
}

function addTest(report, test) {
	const result = test.result();
	switch (result.state) {
		case "passed":
			report.passed++;
			break;
		case "skipped":
			report.skipped.push({
				name: `${report.file}: ${test.fullName}`,
				reason: reasonOf(test, result.note),
			});
			break;
		default:
			report.failed.push(test.fullName);
	}
}
