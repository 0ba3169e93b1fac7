// `npm test`: everything that says whether this tree is right, in rising order of cost: types, lint, unit tests with the
// tidy test, seeded simulation, C under ASan and UBSan, real-kernel tests. Goes on after a failure, so that one run
// shows all of them. The last line is "N passed, N failed, N skipped"; the exit code is 1 when anything failed.
// A step that is not a test file (types, lint) counts as one test. Skips are listed with their reason.
// A file of the real-kernel or cluster tests that fails is run once more, by itself: its deadlines meet a machine that others
// may be using. What then passes counts as passed and is listed, with what failed before: it is still a flaw to find.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const bin = path.join(root, "node_modules/.bin");
const RUN_AGAIN_MAX = 3;
/** What failed, and passed when it was run once more. */
const flaws = [];
/** Seeds of the cluster simulator in one `npm test`. */
const simulatorSeeds = process.env.SWARM_SEEDS ?? "200";

const steps = [
	{ title: "types", run: () => command(path.join(bin, "tsc"), ["--noEmit"]) },
	{ title: "lint", run: () => command(path.join(bin, "biome"), ["check", "--error-on-warnings", "."]) },
	{ title: "unit tests", run: async () => sum(await vitest("unit")) },
	{ title: `simulator, ${simulatorSeeds} seeds`, run: async () => sum(await vitest("sim")) },
	{ title: "C under ASan and UBSan", run: nativeTests },
	// Both mostly wait, each in namespaces and cgroups of its own.
	{
		title: "real-kernel and cluster tests",
		run: async () => {
			const runs = await Promise.all([vitest("kernel"), vitest("cluster", { told: "at the end" })]);
			return sum(await againAlone(runs.flat()));
		},
	},
];

/** A command that passes or fails as a whole. */
function command(program, args) {
	const ended = spawnSync(program, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
	return ended.status === 0 ? { passed: 1, failed: 0, skipped: [] } : { passed: 0, failed: 1, skipped: [] };
}

function nativeTests() {
	if (existsSync(path.join(root, "src/native/Makefile")))
		return command("make", ["-s", "-C", "src/native", "test-asan"]);
	return { passed: 0, failed: 0, skipped: [{ name: "C tests", reason: "src/native/Makefile is not there" }] };
}

/** One report a file, as scripts/test-report.mjs writes them. */
async function vitest(project, { told = "at once", file } = {}) {
	const reportFile = path.join(tmpdir(), `stratoswarm-test-${project}-${process.pid}.json`);
	rmSync(reportFile, { force: true });
	const args = ["run", "--project", project, "--passWithNoTests", "--reporter", "default", "--reporter"];
	const env = { ...process.env, STRATOSWARM_TEST_REPORT: reportFile, SWARM_SEEDS: simulatorSeeds };
	const out = told === "at once" ? "inherit" : "pipe";
	const only = file === undefined ? [] : [file];
	const child = spawn(path.join(bin, "vitest"), [...args, path.join(root, "scripts/test-report.mjs"), ...only], {
		cwd: root,
		env,
		stdio: ["ignore", out, out],
	});
	const said = [];
	for (const stream of [child.stdout, child.stderr]) stream?.on("data", (bytes) => said.push(bytes));
	const [exitCode] = await once(child, "close");
	process.stdout.write(Buffer.concat(said));
	const files = reportsIn(reportFile, exitCode).map((report) => ({ ...report, project }));
	rmSync(reportFile, { force: true });
	return files;
}

/** No report: Vitest ended before its run did. A bad exit without a failed test (no file to run is good) is a failure. */
function reportsIn(reportFile, exitCode) {
	const ofNoFile = (count) => ({ file: null, passed: 0, failed: Array(count).fill("outside any file"), skipped: [] });
	if (!existsSync(reportFile)) return [ofNoFile(exitCode === 0 ? 0 : 1)];
	const { stray, files } = JSON.parse(readFileSync(reportFile, "utf8"));
	const failed = stray > 0 || files.some((report) => report.failed.length > 0);
	return [...files, ofNoFile(exitCode !== 0 && !failed ? 1 : stray)];
}

/** Of more than `RUN_AGAIN_MAX` failing files none is run again: then it is not chance. */
async function againAlone(reports) {
	const failing = reports.filter(({ file, failed }) => file !== null && failed.length > 0);
	if (failing.length > RUN_AGAIN_MAX) return reports;
	const result = reports.filter((report) => !failing.includes(report));
	for (const { project, file, failed } of failing) {
		console.log(`\n== once more, by itself: ${file}`);
		const again = await vitest(project, { file });
		if (again.every((report) => report.failed.length === 0)) flaws.push({ file, failed });
		result.push(...again);
	}
	return result;
}

function sum(reports) {
	return {
		passed: reports.reduce((all, { passed }) => all + passed, 0),
		failed: reports.reduce((all, { failed }) => all + failed.length, 0),
		skipped: reports.flatMap(({ skipped }) => skipped),
	};
}

const total = { passed: 0, failed: 0, skipped: [] };
const failedSteps = [];
for (const step of steps) {
	const startedAtMs = performance.now();
	console.log(`\n== ${step.title}`);
	const { passed, failed, skipped } = await step.run();
	total.passed += passed;
	total.failed += failed;
	total.skipped.push(...skipped);
	if (failed > 0) failedSteps.push(step.title);
	const tookS = ((performance.now() - startedAtMs) / 1000).toFixed(1);
	console.log(`-- ${step.title}: ${passed} passed, ${failed} failed, ${skipped.length} skipped in ${tookS} s`);
}

console.log("");
for (const { name, reason } of total.skipped) console.log(`skipped ${name} (missing: ${reason})`);
for (const { file, failed } of flaws) console.log(`failed once, then passed: ${file}: ${failed.join("; ")}`);
if (failedSteps.length > 0) console.log(`failed: ${failedSteps.join(", ")}`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
