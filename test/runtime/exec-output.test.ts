import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { ExecOutputs } from "../../src/runtime/exec-output.js";
import { temporaryDirectory } from "../support/temporary.js";

/** Time passes when it is told to. */
function stillClock() {
	const timers = new Set<{ readonly act: () => void }>();
	return {
		after(_ms: number, act: () => void) {
			const timer = { act };
			timers.add(timer);
			return () => void timers.delete(timer);
		},
		pass() {
			for (const timer of [...timers]) {
				timers.delete(timer);
				timer.act();
			}
		},
		waits: () => timers.size,
		nowMs: () => 0,
		monotonicMs: () => 0,
		sleep: () => Promise.reject(new Error("nobody sleeps here")),
	};
}

/** A pipe by its name: the end that is read, which does not block, and the one that is written. */
function pipeAt(path: string) {
	execFileSync("mkfifo", [path]);
	const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
	const writing = openSync(path, constants.O_WRONLY);
	return { reading, writing };
}

async function commandWithOutputs() {
	const directory = await temporaryDirectory();
	const [out, err] = [pipeAt(join(directory, "out")), pipeAt(join(directory, "err"))];
	const clock = stillClock();
	const { promise: exit, resolve: end } = Promise.withResolvers<number>();
	const outputs = new ExecOutputs(out.reading, err.reading, exit, clock);
	onTestFinished(() => {
		outputs.stdout.destroy();
		outputs.stderr.destroy();
	});
	return { outputs, clock, end, out: out.writing, err: err.writing };
}

const arrived = (stream: Readable) =>
	new Promise<string>((resolve) => stream.once("data", (part) => resolve(String(part))));

describe("outputs of a command", () => {
	it("are whole when it ends before any time has passed", async () => {
		const { outputs, end, out, err, clock } = await commandWithOutputs();
		writeSync(out, "said ");
		writeSync(err, "complained");
		writeSync(out, "more");
		for (const fd of [out, err]) closeSync(fd);
		end(3);
		const whole = await outputs.whole;
		expect({ ...whole, stdout: String(whole?.stdout), stderr: String(whole?.stderr) }).toEqual({
			...{ stdout: "said more", stderr: "complained", exitCode: 3 },
		});
		expect(clock.waits()).toBe(0);
		expect([await text(outputs.stdout), await text(outputs.stderr)]).toEqual(["", ""]);
	});

	it("are streams when it goes on, with all it said before", async () => {
		const { outputs, end, out, err, clock } = await commandWithOutputs();
		writeSync(out, "before ");
		clock.pass();
		expect(await outputs.whole).toBeNull();
		const said = Promise.all([text(outputs.stdout), text(outputs.stderr)]);
		writeSync(out, "after");
		for (const fd of [out, err]) closeSync(fd);
		end(0);
		expect(await said).toEqual(["before after", ""]);
	});

	it("are streams when somebody took them before", async () => {
		const { outputs, end, out, err } = await commandWithOutputs();
		const said = text(outputs.stdout);
		writeSync(out, "said");
		for (const fd of [out, err]) closeSync(fd);
		end(0);
		expect(await said).toBe("said");
		expect(await outputs.whole).toBeNull();
	});

	it("end when nothing comes any more from a process that holds one open, and not before", async () => {
		const { outputs, end, out, err, clock } = await commandWithOutputs();
		writeSync(out, "said");
		closeSync(err);
		end(4);
		expect(await outputs.whole).toBeNull();
		expect(await text(outputs.stderr)).toBe("");
		expect(await arrived(outputs.stdout)).toBe("said");
		const late = arrived(outputs.stdout);
		writeSync(out, "late");
		expect(await late).toBe("late");
		clock.pass();
		const ended = new Promise((resolve) => outputs.stdout.once("end", resolve));
		await expect.poll(() => clock.waits()).toBe(1);
		clock.pass();
		await ended;
		closeSync(out);
	});
});
