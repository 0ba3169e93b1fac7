// `npm test`: everything that says whether this tree is right, in rising order of cost: types, lint, unit tests with the
// tidy test, seeded simulation, C under ASan and UBSan, real-kernel tests. Goes on after a failure, so that one run
// shows all of them. The last line is "N passed, N failed, N skipped"; the exit code is 1 when anything failed.
// A step that is not a test file (types, lint) counts as one test. Skips are listed with their reason.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const bin = path.join(root, "node_modules/.bin");
/** Seeds of the cluster simulator in one `npm test`. */
const simulatorSeeds = process.env.SWARM_SEEDS ?? "200";

const steps = [
	{ title: "types", run: () => command(path.join(bin, "tsc"), ["--noEmit"]) },
	{ title: "lint", run: () => command(path.join(bin, "biome"), ["check", "--error-on-warnings", "."]) },
	{ title: "unit tests", run: () => vitest("unit") },
	{ title: `simulator, ${simulatorSeeds} seeds`, run: () => vitest("sim") },
	{ title: "C under ASan and UBSan", run: nativeTests },
	// Both mostly wait, each in namespaces and cgroups of its own.
	{
		title: "real-kernel and cluster tests",
		run: () => sum([vitest("kernel"), vitest("cluster", { told: "at the end" })]),
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

async function vitest(project, { told } = { told: "at once" }) {
	const reportFile = path.join(tmpdir(), `stratoswarm-test-${project}-${process.pid}.json`);
	rmSync(reportFile, { force: true });
	const args = ["run", "--project", project, "--passWithNoTests", "--reporter", "default", "--reporter"];
	const env = { ...process.env, STRATOSWARM_TEST_REPORT: reportFile, SWARM_SEEDS: simulatorSeeds };
	const out = told === "at once" ? "inherit" : "pipe";
	const child = spawn(path.join(bin, "vitest"), [...args, path.join(root, "scripts/test-report.mjs")], {
		cwd: root,
		env,
		stdio: ["ignore", out, out],
	});
	const said = [];
	for (const stream of [child.stdout, child.stderr]) stream?.on("data", (bytes) => said.push(bytes));
	const [exitCode] = await once(child, "close");
	process.stdout.write(Buffer.concat(said));
	const report = reportIn(reportFile, exitCode);
	rmSync(reportFile, { force: true });
	return report;
}

/** No report: Vitest ended before its run did. A bad exit without a failed test (no file to run is good) is a failure. */
function reportIn(reportFile, exitCode) {
	if (!existsSync(reportFile)) return { passed: 0, failed: exitCode === 0 ? 0 : 1, skipped: [] };
	const report = JSON.parse(readFileSync(reportFile, "utf8"));
	return exitCode !== 0 && report.failed === 0 ? { ...report, failed: 1 } : report;
}

async function sum(running) {
	const counts = await Promise.all(running);
	return {
		passed: counts.reduce((all, { passed }) => all + passed, 0),
		failed: counts.reduce((all, { failed }) => all + failed, 0),
		skipped: counts.flatMap(({ skipped }) => skipped),
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
if (failedSteps.length > 0) console.log(`failed: ${failedSteps.join(", ")}`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
