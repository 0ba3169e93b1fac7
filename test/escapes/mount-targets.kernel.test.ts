// Mounts go where the container's own root leads, and nowhere else: a neighbour that shares a volume swaps the target for a link to
// the host's directories while the container is built (CVE-2021-30465, CVE-2019-19921).

import { spawn as spawnProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { make, makeRoot, missing } from "../native/support/trial.js";

const lacking = missing();
const STARTS = 12;

describe.skipIf(lacking !== null)(`mount targets${lacking === null ? "" : ` (needs ${lacking})`}`, () => {
	let root: ReturnType<typeof makeRoot>;
	const made: string[] = [];
	const directory = (name: string) => {
		const path = mkdtempSync(join(tmpdir(), `swarm-escape-${name}-`));
		made.push(path);
		return path;
	};
	beforeAll(() => {
		root = makeRoot();
	});
	afterAll(() => {
		root.dispose();
		for (const path of made) rmSync(path, { recursive: true, force: true });
	});
	const mountsHere = () => readFileSync("/proc/self/mountinfo", "utf8");

	test("a target that a neighbour swaps for a link never leads out of the container", async () => {
		const shared = directory("shared");
		const outside = directory("outside");
		const data = directory("data");
		mkdirSync(join(shared, "real"));
		symlinkSync(`../../../../../../..${outside}`, join(shared, "link"));
		const swap = "cd $0; while :; do mv -T real sub; mv -T sub real; mv -T link sub; mv -T sub link; done 2>/dev/null";
		const neighbour = spawnProcess("sh", ["-c", swap, shared], { stdio: "ignore" });
		try {
			for (let start = 0; start < STARTS; start++) {
				const trial = await make(root.path, {
					args: ["sh", "-c", "touch /vol/sub/written; true"],
					binds: [
						{ source: shared, target: "/vol", readOnly: false },
						{ source: data, target: "/vol/sub", readOnly: false },
					],
				});
				// Where a link or nothing stands at that moment it is not made, and says so.
				const ended = trial.exited();
				if (
					await Promise.race([
						ended.then(() => false),
						trial.state("created").then(
							() => true,
							() => false,
						),
					])
				)
					await trial.ask("start 3");
				await ended;
				await trial.dispose();
			}
		} finally {
			neighbour.kill("SIGKILL");
		}
		expect(readdirSync(outside)).toEqual([]);
		for (const path of made) expect(mountsHere()).not.toContain(path);
	});

	test("a climbing target and a link on the way stay inside, and a link as target is refused", async () => {
		const outside = directory("outside");
		const data = directory("data");
		const layer = directory("layer");
		symlinkSync(`/../..${outside}`, join(layer, "absolute"));
		symlinkSync("../../../../..", join(layer, "climbing"));
		const trial = await make(root.path, {
			args: ["sh", "-c", "for t in /climbing/vol /a/../../../vol2; do touch $t/x && echo $t; done"],
			lowerDirectories: [layer, root.path],
			binds: ["/climbing/vol", "/a/../../../vol2"].map((target) => ({
				source: data,
				target,
				readOnly: false,
			})),
		});
		await trial.ask("start 3");
		await trial.exited();
		const lines = trial.log("stdout").map((line) => line.slice(2));
		await trial.dispose();
		expect(readdirSync(outside)).toEqual([]);
		expect(lines).toEqual(["/climbing/vol", "/a/../../../vol2"]);
		expect(readdirSync(data)).toEqual(["x"]);
		const refused = await make(root.path, {
			lowerDirectories: [layer, root.path],
			binds: [{ source: data, target: "/absolute", readOnly: false }],
		});
		expect((await refused.exited()).text).toBe("Cannot create: attach mount /absolute: Invalid argument");
		await refused.dispose();
	});
});
