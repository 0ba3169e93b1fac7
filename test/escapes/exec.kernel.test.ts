// What a container could make of a command that is started in it from outside: overwrite the program that starts it
// (CVE-2019-5736), leave through a descriptor that it brings along (CVE-2024-21626), type into a terminal of the host (TIOCSTI).

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { containerIdOf } from "../../src/model.js";
import { nativePaths } from "../../src/native/paths.js";
import { plainExec } from "../../src/runtime/exec-request.js";
import type { ExecRequest } from "../../src/runtime/runtime.js";
import { createRequest, type RequestWish } from "../support/create-request.js";
import { pathOf, runProgram } from "../support/kernel.js";
import { missingForContainers, type NativeWorld, openNativeWorld } from "../support/native-world.js";
import { until } from "../support/until.js";

const lacking = missingForContainers();
const web = containerIdOf("web", 0);
const never = new AbortController().signal;
const shell = (script: string) => ["/bin/sh", "-c", script];
/** More than the server of exec has open. */
const DESCRIPTORS = 40;

describe.skipIf(lacking !== null)(`escapes by exec${lacking === null ? "" : ` (needs ${lacking})`}`, () => {
	let world: NativeWorld;
	beforeEach(async () => {
		world = await openNativeWorld();
	});
	afterEach(() => world?.dispose());

	const run = async (script: string, wish: RequestWish = {}) => {
		await world.runtime.create(createRequest(web, { command: shell(script), ...wish, image: world.image }), never);
		await world.runtime.start(web, 1, never);
	};
	const exec = async (command: readonly string[], wish: Partial<ExecRequest> = {}) => {
		const session = await world.runtime.exec(web, { ...plainExec(command), ...wish });
		const texts = Promise.all([text(session.stdout), text(session.stderr)]);
		const code = await session.exit;
		const [out, complaint] = await texts;
		return { code, out, complaint };
	};
	const lowerDirectory = () => world.image.lowerDirectories[0] ?? "";
	const output = async () => {
		const lines: string[] = [];
		for await (const line of world.runtime.logs(web, logAll, never)) lines.push(line.text);
		return lines;
	};

	it("our programs cannot be overwritten by a container that waits for them (CVE-2019-5736)", async () => {
		writeFileSync(join(lowerDirectory(), "bin/attack"), "#!/proc/self/exe\n", { mode: 0o755 });
		const { init, monitor } = nativePaths();
		const before = [init, monitor].map((path) => readFileSync(path));
		// Its own programs are being executed, which refuses it (ETXTBSY): whatever it can write to is ours.
		await run("while :; do for p in /proc/[0-9]*; do ( : >> $p/exe ) 2>/dev/null && echo wrote $p; done; done");
		for (let count = 0; count < 20; count++) {
			expect((await exec(["/bin/true"])).code).toBe(0);
			expect((await exec(["/bin/attack"])).code).not.toBe(0);
			expect((await exec(["/proc/self/exe"])).code).not.toBe(0);
		}
		expect(await output()).toEqual([]);
		expect([init, monitor].map((path) => readFileSync(path))).toEqual(before);
		expect((await exec(["/bin/true"])).code).toBe(0);
	});

	it("no command, and no first process, has a descriptor but its three streams", async () => {
		await run("ls /proc/$$/fd; echo; sleep 100000");
		expect((await exec(shell("ls /proc/$$/fd; true"))).out).toBe("0\n1\n2\n");
		expect((await exec(shell("ls /proc/$$/fd; true"), { stdin: true })).out).toBe("0\n1\n2\n");
		const terminal = { rows: 24, columns: 80 };
		expect((await exec(shell("ls -1 /proc/$$/fd; true"), { terminal })).out).toBe("0\r\n1\r\n2\r\n");
		expect(await output()).toEqual(["0", "1", "2", ""]);
	});

	it("nothing looks into a process of ours that stands by for the next command", async () => {
		await run("sleep 100000");
		const looks = [
			"cat $p/environ",
			"cat $p/mem",
			"cat $p/maps",
			"readlink $p/exe",
			"readlink $p/cwd",
			"readlink $p/fd/3",
		];
		const each = looks.map((look) => `${look} >/dev/null && echo "${look}"`).join("; ");
		const ours = '[ "$(cat $p/comm)" = swarm-exec ]';
		const script = `for p in /proc/[0-9]*; do ${ours} || continue; echo found; ${each}; done 2>/dev/null; true`;
		const seen = await until("such a process", async () => (await exec(shell(script))).out, 30_000);
		expect(new Set(seen.trimEnd().split("\n"))).toEqual(new Set(["found"]));
	});

	it("no working directory leads out through a descriptor of ours (CVE-2024-21626)", async () => {
		for (let fd = 3; fd < DESCRIPTORS; fd++) symlinkSync(`/proc/self/fd/${fd}`, join(lowerDirectory(), `out${fd}`));
		mkdirSync(join(lowerDirectory(), "inside"));
		await run("sleep 100000");
		for (let fd = 3; fd < DESCRIPTORS; fd++)
			for (const workdir of [`/proc/self/fd/${fd}`, `/out${fd}`]) {
				const { code, out } = await exec(["/bin/ls", "."], { workdir });
				expect({ workdir, code, out }).toEqual({ workdir, code: 125, out: "" });
			}
		expect((await exec(["/bin/pwd"], { workdir: "/inside" })).out).toBe("/inside\n");
	});

	it("neither does one of the container's own first process", async () => {
		for (let fd = 3; fd < 12; fd++) {
			const request = createRequest(web, { command: ["/bin/ls", "."], image: world.image, epoch: fd });
			const spec = { ...request.spec, workdir: `/proc/self/fd/${fd}` };
			await expect(world.runtime.create({ ...request, spec }, never)).rejects.toThrow(/^Cannot create web.0: /);
		}
	});

	it("neither has a controlling terminal, and a command has a session of its own", async () => {
		await run("echo x > /dev/tty || echo none; sleep 100000");
		const seen = await exec(shell("read -r pid name state parent group session tty rest < /proc/self/stat; echo $tty"));
		expect(seen.out).toBe("0\n");
		expect((await exec(shell("echo x > /dev/tty"))).code).not.toBe(0);
		expect(await output()).toContain("none");
	});

	it.skipIf(pathOf("gcc") === null)("nothing types into a terminal, not even into its own (needs gcc)", async () => {
		const source = join(world.stateDirectory, "typer.c");
		writeFileSync(source, typer);
		runProgram("gcc", "-static", "-o", join(lowerDirectory(), "bin/typer"), source);
		await run("sleep 100000");
		const { out } = await exec(["/bin/typer"], { terminal: { rows: 24, columns: 80 } });
		expect(out).toBe("refused refused refused\r\n");
	});
});

/** TIOCSTI, the same with bits that the kernel does not look at, TIOCLINUX. */
const typer = `
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
static const char *try(unsigned long request)
{
	char letter = 'x';
	return syscall(SYS_ioctl, 0, request, &letter) == 0 ? "typed" : errno == EPERM ? "refused" : "unknown";
}
int main(void)
{
	return printf("%s %s %s\\n", try(0x5412), try(0x100005412ul), try(0x541c)) < 0;
}
`;

const logAll = { tail: null, sinceMs: null, follow: false, stream: null };
