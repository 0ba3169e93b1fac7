import { readlinkSync } from "node:fs";
import type { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { containerIdOf } from "../../src/model.js";
import { createRequest, type RequestWish } from "../support/create-request.js";
import { missingForContainers, type NativeWorld, openNativeWorld, untilEnded } from "../support/native-world.js";
import { until } from "../support/until.js";

const lacking = missingForContainers();
const web = containerIdOf("web", 0);
const never = new AbortController().signal;
const DEADLINE_MS = 30_000;

describe.skipIf(lacking !== null)(lacking === null ? "attach" : `attach (skipped: no ${lacking})`, () => {
	let world: NativeWorld;
	beforeEach(async () => {
		world = await openNativeWorld();
	});
	afterEach(() => world?.dispose());

	const run = async (script: string, wish: RequestWish = {}) => {
		const request = createRequest(web, { command: ["/bin/sh", "-c", script], ...wish, image: world.image });
		await world.runtime.create(request, never);
		const attached = await world.runtime.attach(web, never);
		await world.runtime.start(web, 1, never);
		return attached;
	};
	const logged = async () => {
		const lines: string[] = [];
		for await (const { stream, text } of world.runtime.logs(web, logAll, never)) lines.push(`${stream} ${text}`);
		return lines;
	};

	it("follows both outputs to the end, gives the exit code, and the log has the same", async () => {
		const attached = await run("echo out; echo err >&2; exit 3");
		const [out, err] = [collect(attached.stdout), collect(attached.stderr)];
		expect(await attached.exit).toBe(3);
		expect([out(), err()]).toEqual(["out\n", "err\n"]);
		expect((await logged()).sort()).toEqual(["stderr err", "stdout out"]);
	});

	it("passes input to a container that takes it, and its end; nothing to one that does not", async () => {
		const attached = await run("while read line; do echo got $line; done; echo over", { stdin: true });
		const out = collect(attached.stdout);
		attached.stdin.write("one\n");
		await until("the answer", () => out() === "got one\n", DEADLINE_MS);
		attached.stdin.end("two\n".repeat(20_000));
		expect(await attached.exit).toBe(0);
		expect(out().endsWith("got two\nover\n")).toBe(true);
		expect(out().length).toBe("got one\n".length + 20_000 * "got two\n".length + "over\n".length);
		await world.runtime.remove(web, 1);
		const deaf = await run("readlink /proc/self/fd/0; wc -c; sleep 100000".replaceAll(/readlink|wc/g, "busybox $&"));
		const said = collect(deaf.stdout);
		deaf.stdin.write("nobody hears\n");
		await until("it to see the end of nothing", () => said() === "/dev/null\n0\n", DEADLINE_MS);
	});

	it("lets several look and type, and one leave, without an end of the input", async () => {
		const first = await run("while read line; do echo $line; done", { stdin: true });
		const second = await world.runtime.attach(web, never);
		const outputs = [collect(first.stdout), collect(second.stdout)];
		first.stdin.write("a\n");
		await until("both to see it", () => outputs.every((out) => out() === "a\n"), DEADLINE_MS);
		first.kill();
		second.stdin.write("b\n");
		await until("the one who stayed to see more", () => outputs[1]?.() === "a\nb\n", DEADLINE_MS);
		second.stdin.end();
		expect(await second.exit).toBe(0);
	});

	it("gives a terminal of its own: a name, the size of who attached, signals by keys, a console, a log", async () => {
		const script = `
			busybox tty; ls /dev/console; busybox stty size; trap 'echo int' INT; trap 'busybox stty size' WINCH
			echo err >&2; while :; do read line && echo got $line && [ "$line" = end ] && exit 6; done`;
		const attached = await run(script, { terminal: true, stdin: true });
		const out = collect(attached.stdout);
		await until("it to be ready", () => out().includes("err\r\n"), DEADLINE_MS);
		expect(out()).toBe("/dev/pts/0\r\n/dev/console\r\n24 80\r\nerr\r\n");
		attached.resize({ rows: 50, columns: 132 });
		await until("the new size", () => out().includes("50 132\r\n"), DEADLINE_MS);
		attached.stdin.write("\u0003");
		await until("the interrupt", () => out().includes("int\r\n"), DEADLINE_MS);
		attached.stdin.write("end\n");
		expect(await attached.exit).toBe(6);
		expect(await logged()).toEqual(
			expect.arrayContaining(["stdout /dev/pts/0", "stdout err", "stdout 50 132", "stdout got end"]),
		);
	});

	it("keeps terminal and input over the death of the daemon", async () => {
		await run("while read line; do echo got $line; done", { terminal: true, stdin: true });
		const runtime = await world.reopen();
		const attached = await runtime.attach(web, never);
		const out = collect(attached.stdout);
		attached.stdin.write("again\n");
		await until("the answer", () => out().includes("got again\r\n"), DEADLINE_MS);
	});

	it("lets go of one who does not read, and never holds the container up", async () => {
		const attached = await run("busybox head -c 8000000 /dev/zero; echo >&2 written; sleep 100000");
		// Nobody reads standard output: what it may hold is soon full.
		await until("the container to go on", async () => (await logged()).includes("stderr written"), DEADLINE_MS);
		await attached.kill();
		expect(world.runtime.get(web)?.phase).toBe("running");
	});

	it("refuses a container that has ended", async () => {
		await run("exit 0");
		await untilEnded(world.runtime, web);
		await expect(world.runtime.attach(web, never)).rejects.toMatchObject({ code: "conflict" });
	});

	it("gives no process of the container a terminal of the host", async () => {
		await run("sleep 100000");
		const pid = world.runtime.get(web)?.pid ?? 0;
		for (const fd of [0, 1, 2]) expect(readlinkSync(`/proc/${pid}/fd/${fd}`)).toMatch(/^(\/dev\/null|pipe:.*)$/);
	});
});

const logAll = { tail: null, sinceMs: null, follow: false, stream: null };

function collect(stream: Readable): () => string {
	let all = "";
	stream.on("data", (chunk: Buffer) => {
		all += chunk.toString();
	});
	return () => all;
}
