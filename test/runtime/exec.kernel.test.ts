import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { containerIdOf } from "../../src/model.js";
import { detectCgroups } from "../../src/runtime/cgroup/layout.js";
import { plainExec } from "../../src/runtime/exec-request.js";
import type { ExecRequest, ExecSession } from "../../src/runtime/runtime.js";
import { createRequest } from "../support/create-request.js";
import { missingForContainers, type NativeWorld, openNativeWorld } from "../support/native-world.js";
import { until } from "../support/until.js";

const lacking = missingForContainers();
const web = containerIdOf("web", 0);
const never = new AbortController().signal;
const shell = (script: string) => ["/bin/sh", "-c", script];
const size = { rows: 24, columns: 80 };

describe.skipIf(lacking !== null)(lacking === null ? "exec" : `exec (skipped: no ${lacking})`, () => {
	let world: NativeWorld;
	beforeEach(async () => {
		world = await openNativeWorld();
		const request = createRequest(web, { command: ["/bin/sleep", "100000"], image: world.image });
		await world.runtime.create(request, never);
		await world.runtime.start(web, 1, never);
	});
	afterEach(() => world?.dispose());

	const begin = (command: readonly string[], wish: Partial<ExecRequest> = {}) =>
		world.runtime.exec(web, { ...plainExec(command), ...wish });
	const exec = async (command: readonly string[], wish: Partial<ExecRequest> = {}) => endOf(await begin(command, wish));
	/** Command lines of the container's processes. */
	const processes = () =>
		pidsIn(world.runtime.get(web)?.pid ?? 0).map((pid) => {
			try {
				return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
			} catch {
				return ""; // ended meanwhile
			}
		});

	it("gives /dev/null as standard input to a command without input, and no terminal at all", async () => {
		const script = "busybox readlink /proc/self/fd/0; cat | busybox wc -c; busybox cut -d ' ' -f 7 /proc/self/stat";
		const { code, out, complaint } = await exec(shell(`${script}; echo x > /dev/tty`));
		expect(out).toBe("/dev/null\n0\n0\n");
		expect(complaint).toContain("/dev/tty");
		expect(code).not.toBe(0);
	});

	it("gives a terminal of the asked size that is the command's own, and follows its changes", async () => {
		const wait = "trap 'busybox stty size; exit 5' WINCH; echo ready; while :; do sleep 0.05; done";
		const session = await begin(shell(`busybox tty; busybox stty size; ${wait}`), { terminal: size, stdin: true });
		const said = collect(session.stdout);
		await until("the command to be ready", () => said().endsWith("ready\r\n"), 30_000);
		expect(said()).toBe("/dev/pts/0\r\n24 80\r\nready\r\n");
		session.resize({ rows: 30, columns: 100 });
		expect(await session.exit).toBe(5);
		await until("its last words", () => said().endsWith("30 100\r\n"), 30_000);
	});

	it("interrupts the command in the foreground by the terminal's own key, and passes all output on before the end", async () => {
		const session = await begin(["/bin/sh"], { terminal: size, stdin: true });
		const said = collect(session.stdout);
		session.stdin.write("PS1=; busybox stty -echo; echo go\n");
		await until("the shell", () => said().includes("go\r\n"), 30_000);
		session.stdin.write("sleep 100000\n");
		await until("the sleep", () => processes().filter((line) => line === "sleep 100000").length === 1, 30_000);
		session.stdin.write("\u0003");
		session.stdin.write("busybox seq 1 20000; exit 9\n");
		expect(await session.exit).toBe(9);
		await until("the last line", () => said().endsWith("19999\r\n20000\r\n"), 30_000);
	});

	it("hangs the terminal up when its caller goes", async () => {
		const session = await begin(shell("sleep 4242 & wait"), { terminal: size, stdin: true });
		await until("the sleep", () => processes().includes("sleep 4242"), 30_000);
		session.stdin.destroy();
		expect(await session.exit).toBe(129);
		await until("nothing to be left", () => !processes().includes("sleep 4242"), 30_000);
	});

	it("kills everything of the session when the time is up, and says 124", async () => {
		const session = await begin(shell("(trap '' TERM HUP; sleep 4243) & sleep 4244"), { timeoutMs: 700 });
		const outputs = Promise.all([text(session.stdout), text(session.stderr)]);
		expect(await session.exit).toBe(124);
		await outputs;
		await until("nothing to be left", () => !processes().some((line) => line.startsWith("sleep 424")), 30_000);
		expect(processes()).toContain("/bin/sleep 100000");
	});

	it("ends although a process in the background holds the output open", async () => {
		expect(await exec(shell("sleep 4245 & echo said"))).toEqual({ code: 0, out: "said\n", complaint: "" });
		expect(processes()).toContain("sleep 4245");
	});

	it("lets a detached command go on without its caller and without the daemon, and says why one was not started", async () => {
		expect(await exec(shell("trap '' TERM; sleep 4246"), { detach: true })).toEqual({
			code: 0,
			out: "",
			complaint: "",
		});
		expect(await exec(["/bin/none"], { detach: true })).toEqual({
			code: 127,
			out: "",
			complaint: "swarm: Cannot start /bin/none: No such file or directory\n",
		});
		const attached = await begin(["/bin/sleep", "4247"]);
		await until("both", () => processes().includes("/bin/sleep 4247") && processes().includes("sleep 4246"), 30_000);
		await world.runtime.close();
		await expect(attached.exit).rejects.toMatchObject({ code: "failed" });
		await until("the attached one to end", () => !processes().includes("/bin/sleep 4247"), 30_000);
		expect(processes()).toContain("sleep 4246");
		await world.reopen();
	});

	it("starts its helper again when that was killed", async () => {
		const attached = await begin(["/bin/sleep", "4248"]);
		await until("the command", () => processes().includes("/bin/sleep 4248"), 30_000);
		const stderrPath = join(world.stateDirectory, "exec.stderr");
		const [server] = readdirSync("/proc").filter((pid) => isServer(pid, stderrPath));
		process.kill(Number(server), "SIGKILL");
		await expect(attached.exit).rejects.toMatchObject({ code: "failed" });
		await until("the command to end with it", () => !processes().includes("/bin/sleep 4248"), 30_000);
		expect((await exec(["/bin/echo", "again"])).out).toBe("again\n");
	});

	it("runs many at the same time", async () => {
		const all = Array.from({ length: 60 }, (_, index) => exec(shell(`echo ${index}; exit ${index}`)));
		const ended = await Promise.all(all);
		expect(ended.map(({ code, out }) => `${code} ${out}`)).toEqual(ended.map((_, index) => `${index} ${index}\n`));
	});

	it("refuses what does not go together, and what is too long for it", async () => {
		await expect(begin(["/bin/true"], { detach: true, terminal: size })).rejects.toMatchObject({ code: "usage" });
		await expect(begin(["/bin/echo", "x".repeat(200_000)])).rejects.toMatchObject({ code: "too-large" });
	});
});

function collect(stream: Readable): () => string {
	let all = "";
	stream.on("data", (chunk: Buffer) => {
		all += chunk.toString();
	});
	return () => all;
}

/** As callers take it: of a command that is over at once as a whole. */
async function endOf(session: ExecSession) {
	const whole = await session.whole;
	if (whole !== null) {
		const { stdout, stderr, exitCode } = whole;
		return { code: exitCode, out: String(stdout), complaint: String(stderr) };
	}
	const texts = Promise.all([text(session.stdout), text(session.stderr)]);
	const code = await session.exit;
	const [out, complaint] = await texts;
	return { code, out, complaint };
}

function pidsIn(container: number): readonly string[] {
	const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${container}/cgroup`, "utf8"))?.[1] ?? "";
	return readFileSync(join(detectCgroups().unified, path, "cgroup.procs"), "utf8")
		.split("\n")
		.filter(Boolean);
}

/** The daemon's helper, known by the file that takes its complaints. */
function isServer(pid: string, stderrPath: string): boolean {
	try {
		return readlinkSync(`/proc/${pid}/fd/2`) === stderrPath;
	} catch {
		return false; // ended, or not a process
	}
}
