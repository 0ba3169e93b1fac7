// What covers /proc/kcore and the like must be the null device and nothing else, whatever an earlier life of the container, which
// could write to its own /dev, left there (CVE-2025-31133, CVE-2025-52565), and no write may be redirected to another file
// of /proc (CVE-2025-52881).

import { lstatSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { make, makeRoot, missing, native, spawn, type Trial } from "../native/support/trial.js";
import { until } from "../support/until.js";

const lacking = missing();
const script =
	"for p in keys sysrq-trigger sys/kernel/core_pattern; do echo x > /proc/$p && echo wrote $p; done; wc -c < /proc/keys";

describe.skipIf(lacking !== null)(`masked paths${lacking === null ? "" : ` (needs ${lacking})`}`, () => {
	let root: ReturnType<typeof makeRoot>;
	let trial: Trial | null = null;
	beforeAll(() => {
		root = makeRoot();
	});
	afterEach(async () => {
		await trial?.dispose();
		trial = null;
	});
	afterAll(() => root.dispose());

	/** A life of the container, then what `attack` does to its /dev as its root could have, then another life. */
	async function secondLife(attack: (devices: string) => void) {
		trial = await make(root.path, { args: ["sh", "-c", script] });
		await trial.ask("start 3");
		await trial.exited();
		await until("the monitor to end", () => !native.signal(trial?.monitorPid ?? 0, 0));
		attack(join(trial.directory, "dev"));
		rmSync(join(trial.directory, "exit"), { force: true });
		const { connection } = spawn(trial.directory);
		const state = await connection.line((line) => line.startsWith("state "));
		if (!state.startsWith("state created")) return { refused: state, lines: [] };
		await connection.ask("start 3");
		await connection.line((line) => line.startsWith("state exited"));
		return { refused: null, lines: trial.log("stdout").map((line) => line.slice(2)) };
	}
	/** Writing to the null device succeeds and reads as nothing. */
	const harmless = ["wrote keys", "0"];

	test("cover with the null device, and say nothing of the files below", async () => {
		const { lines } = await secondLife(() => {});
		expect(lines).toEqual([...harmless, ...harmless]);
	});

	test.each([["/proc/sysrq-trigger"], ["/proc/sys/kernel/core_pattern"], ["../proc/sys/kernel/core_pattern"]])(
		"a link to %s in place of /dev/null is replaced",
		async (target) => {
			const before = readFileSync("/proc/sys/kernel/core_pattern", "utf8");
			const { lines } = await secondLife((devices) => {
				rmSync(join(devices, "null"));
				symlinkSync(target, join(devices, "null"));
			});
			expect(lines).toEqual([...harmless, ...harmless]);
			expect(readFileSync("/proc/sys/kernel/core_pattern", "utf8")).toBe(before);
		},
	);

	test("a file or another device in place of /dev/null is replaced", async () => {
		const { lines } = await secondLife((devices) => {
			rmSync(join(devices, "null"));
			writeFileSync(join(devices, "null"), "content");
			rmSync(join(devices, "zero"));
			native.makeNode(join(devices, "zero"), 0o020666, 1, 11);
		});
		expect(lines).toEqual([...harmless, ...harmless]);
		expect(lstatSync(join(trial?.directory ?? "", "dev/zero")).rdev).toBe((1 << 8) | 5);
	});

	test("a link in place of a directory of /dev is replaced", async () => {
		const { lines } = await secondLife((devices) => {
			for (const name of ["pts", "shm"]) {
				rmSync(join(devices, name), { recursive: true });
				symlinkSync("/proc", join(devices, name));
			}
		});
		expect(lines).toEqual([...harmless, ...harmless]);
	});

	test("an image whose /proc is a link is refused instead of covered elsewhere", async () => {
		const other = makeRoot();
		renameSync(join(other.path, "proc"), join(other.path, "fake"));
		symlinkSync("fake", join(other.path, "proc"));
		trial = await make(other.path, {});
		expect((await trial.exited()).text).toMatch(/Cannot create: .*\/proc/);
		other.dispose();
	});
});
