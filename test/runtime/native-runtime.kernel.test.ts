import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ContainerId, containerIdOf } from "../../src/model.js";
import { plainExec } from "../../src/runtime/exec-request.js";
import { linkNameOf } from "../../src/runtime/network/names.js";
import { nft } from "../../src/runtime/network/nft.js";
import type { ExecRequest, RuntimePool } from "../../src/runtime/runtime.js";
import { createRequest, type RequestWish } from "../support/create-request.js";
import { hasNftables, noTraces, pathOf, runProgram, tracesOf } from "../support/kernel.js";
import { missingForContainers, type NativeWorld, openNativeWorld, untilEnded } from "../support/native-world.js";
import { until } from "../support/until.js";
import { runtimeContract } from "./contract.js";

const missing = missingForContainers();
const MIB = 2 ** 20;
const web = containerIdOf("web", 0);
const never = new AbortController().signal;
const shell = (script: string) => ["/bin/sh", "-c", script];

describe.skipIf(missing !== null)(`the native runtime${missing === null ? "" : ` (needs ${missing})`}`, () => {
	runtimeContract("the native runtime", async () => {
		const world = await openNativeWorld();
		return {
			runtime: world.runtime,
			image: world.image,
			commands: {
				forever: shell("trap 'exit 5' TERM; echo ready; while true; do sleep 1000 & wait; done"),
				stubborn: shell("trap '' TERM; while true; do sleep 1000; done"),
				exit: (code) => shell(`exit ${code}`),
				print: (lines) => shell(lines.map((line) => `echo ${line}`).join("; ")),
				missing: ["/bin/no-such-program"],
			},
			// A first process that has no handler yet does not see the signal at all (pid_namespaces(7)).
			ready: async (container) => {
				const options = { tail: null, sinceMs: null, follow: true, stream: null };
				for await (const line of world.runtime.logs(container, options, never)) if (line.text === "ready") return;
			},
			stoppedExitCode: 5,
			reopen: () => world.reopen(),
			dispose: () => world.dispose(),
		};
	});

	describe("on the kernel", () => {
		let world: NativeWorld;
		const made = new Set<ContainerId>();
		beforeEach(async () => {
			world = await openNativeWorld();
			made.clear();
		});
		afterEach(async () => {
			const { scope, stateDirectory } = world;
			await world.dispose();
			const links = [...made].map((id) => linkNameOf(scope, id));
			expect(tracesOf(scope, links)).toEqual(noTraces);
			expect(tracesOf(stateDirectory)).toEqual(noTraces);
		});

		const create = (command: readonly string[], wish: RequestWish = {}, id: ContainerId = web) => {
			made.add(id);
			return world.runtime.create(createRequest(id, { command, ...wish, image: world.image }), never);
		};
		const run = async (command: readonly string[], wish: RequestWish = {}, id: ContainerId = web) => {
			await create(command, wish, id);
			return world.runtime.start(id, wish.epoch ?? 1, never);
		};
		const output = async (id: ContainerId = web) => {
			const texts: string[] = [];
			for await (const line of world.runtime.logs(id, { tail: null, sinceMs: null, follow: true, stream: null }, never))
				texts.push(line.text);
			return texts;
		};
		const lines = async (tail: number) => {
			const texts: string[] = [];
			const options = { tail, sinceMs: null, follow: false, stream: null };
			for await (const line of world.runtime.logs(web, options, never)) texts.push(line.text);
			return texts;
		};
		const exec = async (command: readonly string[], wish: Partial<ExecRequest> = {}) => {
			const request = { ...plainExec(command), ...wish };
			const session = await world.runtime.exec(web, request);
			const texts = Promise.all([session.stdout, session.stderr].map((stream) => text(stream)));
			session.stdin.end();
			const code = await session.exit;
			const [out, complaint] = await texts;
			return { code, out: out?.trim(), complaint: complaint?.trim() };
		};

		it("removes what ran for a caller when the daemon was killed meanwhile", async () => {
			const request = createRequest(web, {
				command: shell("trap '' TERM; while true; do sleep 1000; done"),
				image: world.image,
			});
			const abandoned = world.runtime;
			void abandoned.run(request, never).catch(() => {});
			await until("it to run", () => (abandoned.get(web)?.phase === "running" ? true : null), 60_000);
			const runtime = await world.reopen();
			expect(runtime.list()).toEqual([]);
			expect(readdirSync(join(world.stateDirectory, "containers"))).toEqual([]);
		});

		it("runs many at the same time, more than directories stand ready", async () => {
			const ids = Array.from({ length: 12 }, (_, index) => containerIdOf("many", index));
			const runs = ids.map((id, index) =>
				world.runtime.run(createRequest(id, { command: shell(`exit ${index}`), image: world.image }), never),
			);
			expect((await Promise.all(runs)).map(({ exitCode }) => exitCode)).toEqual(ids.map((_, index) => index));
		});

		it("gives the workload its environment, directory, name and written files", async () => {
			await run(shell("echo $A $PWD $(hostname) $(cat /etc/hostname); echo hello > /tmp/file; cat /tmp/file"), {
				env: { A: "b" },
				workdir: "/tmp",
			});
			expect(await output()).toEqual(["b /tmp web.0 web.0", "hello"]);
			const written = join(world.stateDirectory, "containers/web.0/upper/tmp/file");
			expect(readFileSync(written, "utf8")).toBe("hello\n");
		});

		it("keeps written files and logs over a reset", async () => {
			await run(shell("echo run >> /tmp/runs; cat /tmp/runs"));
			await untilEnded(world.runtime, web);
			await world.runtime.reset(web, 2, 1, never);
			await world.runtime.start(web, 2, never);
			expect(await output()).toEqual(["run", "run", "run"]);
		});

		it("ends a container that takes more memory than its limit, and says so", async () => {
			const resources = { cpus: null, memoryBytes: 16 * MIB, pids: null };
			await run(shell("exec tail /dev/zero"), { resources });
			const state = await untilEnded(world.runtime, web);
			expect(state).toMatchObject({ phase: "stopped", exitCode: 137, oomKilled: true });
			expect((await world.runtime.stats(web)).memoryBytesLimit).toBe(16 * MIB);
		});

		it("refuses further processes above the pids limit", async () => {
			const resources = { cpus: null, memoryBytes: null, pids: 5 };
			await run(shell("for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; wait"), { resources });
			expect((await output()).join("\n")).toMatch(/fork|Resource temporarily unavailable/);
		});

		it("measures CPU time, memory and processes", async () => {
			await run(shell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 1000"));
			const stats = await until(
				"the container to have worked",
				async () => {
					const now = await world.runtime.stats(web);
					return now.cpuUsageUs > 10_000 && now.pids >= 1 ? now : null;
				},
				60_000,
			);
			expect(stats.memoryBytes).toBeGreaterThan(0);
			expect(stats.memoryBytesLimit).toBeNull();
		});

		it("runs further commands inside, with their streams, user, environment and exit codes", async () => {
			await run(["/bin/sleep", "1000"]);
			expect(
				await exec(shell("echo $A $(id -u) $PWD; exit 4"), { env: { A: "x" }, workdir: "/tmp", user: "7" }),
			).toEqual({
				code: 4,
				out: "x 7 /tmp",
				complaint: "",
			});
			expect((await exec(["/bin/none"])).code).toBe(127);
			expect((await exec(["/etc/hostname"])).code).toBe(126);
			expect((await exec(shell("kill -9 $$"))).code).toBe(137);
			const session = await world.runtime.exec(web, { ...plainExec(["/bin/cat"]), stdin: true });
			session.stdin.write("to and fro\n");
			expect(String((await once(session.stdout, "data"))[0])).toBe("to and fro\n");
			session.kill();
			expect(await session.exit).toBe(137);
		});

		it("refuses to run further commands in a container that does not run", async () => {
			await create(["/bin/sleep", "1000"]);
			await expect(exec(["/bin/true"])).rejects.toMatchObject({ code: "conflict" });
		});

		it("fails with the monitor's reason when the container cannot be built, and leaves nothing", async () => {
			const image = { ...world.image, lowerDirectories: ["/no/such/directory"] };
			const request = { ...createRequest(web, {}), image };
			await expect(world.runtime.create(request, never)).rejects.toThrow(
				/^Cannot create web.0: (mount the root overlay|clone mount .no.such.directory)/,
			);
			expect(existsSync(join(world.stateDirectory, "containers/web.0"))).toBe(false);
		});

		it("keeps a container in the middle of its work over SIGKILL of the daemon, logs and exit code whole", async () => {
			const request = (id: ContainerId, script: string) =>
				createRequest(id, { command: shell(script), image: world.image });
			const requests = [
				request(containerIdOf("ends", 0), "echo before; sleep 1; echo after; exit 9"),
				request(containerIdOf("stays", 0), "echo here; sleep 1000"),
			];
			writeFileSync(join(world.stateDirectory, "requests.json"), JSON.stringify(requests));
			const daemon = spawn(process.execPath, [victimDaemon(), world.stateDirectory, world.scope], {
				stdio: ["ignore", "pipe", "inherit"],
			});
			const ready = once(daemon.stdout, "data");
			expect(String((await ready)[0])).toBe("running\n");
			daemon.kill("SIGKILL");
			await once(daemon, "exit");
			// One ends while no daemon lives: it needs a second, the daemon was killed as soon as it ran.
			const ends = containerIdOf("ends", 0);
			const directory = join(world.stateDirectory, "containers", ends);
			await until("the exit record", () => existsSync(join(directory, "exit")), 60_000);
			const runtime = await world.reopen();
			expect(runtime.get(ends)).toMatchObject({ phase: "stopped", exitCode: 9 });
			expect(await output(ends)).toEqual(["before", "after"]);
			const stays = containerIdOf("stays", 0);
			expect(runtime.get(stays)).toMatchObject({ phase: "running" });
			expect(await runtime.stop(stays, 1, 100, never)).toMatchObject({ phase: "stopped", exitCode: 137 });
		});

		it("says failed of a container whose monitor was killed, and kills the rest of it", async () => {
			const { pid } = await run(["/bin/sleep", "1000"]);
			process.kill(parentOf(pid), "SIGKILL");
			expect(await untilEnded(world.runtime, web)).toMatchObject({
				phase: "failed",
				exitCode: null,
				error: "its monitor ended without an exit record",
			});
			await until("its process to end", () => !existsSync(`/proc/${pid}`));
			await world.runtime.reset(web, 2, 1, never);
			expect((await world.runtime.start(web, 2, never)).phase).toBe("running");
		});

		it("says failed, and why, of a container that ran when the machine went down", async () => {
			const { pid } = await run(["/bin/sleep", "1000"]);
			await world.runtime.close();
			process.kill(parentOf(pid), "SIGKILL");
			const path = join(world.stateDirectory, "containers/web.0/record.json");
			const record = JSON.parse(readFileSync(path, "utf8"));
			writeFileSync(path, JSON.stringify({ ...record, bootId: "the boot before" }));
			const runtime = await world.reopen();
			expect(runtime.get(web)).toMatchObject({ phase: "failed", error: "the machine restarted while it ran" });
			await runtime.reset(web, 2, 1, never);
			expect((await runtime.start(web, 2, never)).phase).toBe("running");
		});

		it("clears away what a daemon left that was killed while it made a container", async () => {
			await run(["/bin/sleep", "1000"]);
			const directory = join(world.stateDirectory, "containers/web.0");
			// As if the crash had come before the record was there.
			writeFileSync(join(directory, "record.json"), "");
			const runtime = await world.reopen();
			expect(runtime.get(web)).toBeNull();
			expect(existsSync(directory)).toBe(false);
		});

		describe("made ahead", () => {
			const command = shell("hostname; cat /etc/hostname; exec sleep 1000");
			const keep = async (passing: boolean, wanted: readonly string[], count = 2) => {
				const pool = world.runtime.pool as RuntimePool;
				const { spec, image } = createRequest(web, { command: wanted, pool: count, image: world.image });
				pool.keep("test", [{ spec, image, passing, count }]);
				await pool.filled();
				return pool;
			};

			it("is what a container of the same spec takes: under its own name, found again by the next daemon", async () => {
				const pool = await keep(false, command);
				expect(pool.state().warm).toMatchObject([{ workload: "web", ready: 2, wanted: 2 }]);
				await create(command, { pool: 2 });
				expect(pool.state().warm).toMatchObject([{ ready: 1 }]);
				await world.runtime.start(web, 1, never);
				await until("its output", async () => (await lines(2)).length === 2);
				expect(await lines(2)).toEqual(["web.0", "web.0"]);
				const runtime = await world.reopen();
				expect(runtime.get(web)).toMatchObject({ phase: "running" });
				expect((await runtime.stop(web, 1, 0, never)).exitCode).toBe(137);
			});

			it("serves a run, and what is taken is made again", async () => {
				const pool = await keep(true, ["/bin/true"]);
				const request = createRequest(web, { command: ["/bin/true"], pool: 2, image: world.image });
				expect((await world.runtime.run(request, never)).exitCode).toBe(0);
				expect(pool.state().warm).toMatchObject([{ made: 2, ready: 1 }]);
				await pool.filled();
				expect(pool.state().warm).toMatchObject([{ made: 3, ready: 2 }]);
			});

			it("is not taken by a container of another spec, and ends when nobody wants it any more", async () => {
				const pool = await keep(false, command);
				await create(command, { pool: 2, env: { OTHER: "1" } });
				expect(pool.state().warm).toMatchObject([{ ready: 2 }]);
				pool.keep("test", []);
				await pool.clear();
				const ahead = () => tracesOf(world.scope).processes.filter((process) => process.includes("/spares/"));
				await until("the processes to end", () => ahead().length === 0 || null);
				expect(pool.state().warm).toEqual([]);
			});

			it("stays below the bound, and goes when it is cleared", async () => {
				const pool = await keep(false, command, 3);
				await pool.clear();
				expect(pool.state()).toMatchObject({ standing: { ready: 0 }, warm: [{ ready: 0 }] });
				const { spec, image } = createRequest(web, { command, pool: 64, image: world.image });
				pool.keep("test", [{ spec, image, passing: false, count: 1_000 }]);
				expect(pool.state().warm).toMatchObject([{ wanted: pool.state().warmMax }]);
				pool.keep("test", []);
			});
		});

		it("makes, runs and removes fifty containers side by side and leaves nothing", async () => {
			for (let batch = 0; batch < 5; batch++) {
				const ids = Array.from({ length: 10 }, (_, index) => containerIdOf("many", batch * 10 + index));
				await Promise.all(ids.map((id) => run(shell(`echo ${id}`), {}, id)));
				for (const id of ids) expect(await output(id)).toEqual([id]);
				await Promise.all(ids.map((id) => world.runtime.remove(id, 1)));
			}
			expect(readdirSync(join(world.stateDirectory, "containers"))).toEqual([]);
		});

		describe.skipIf(!hasNftables())("with a network (needs nftables)", () => {
			const address = "10.99.77.2";

			it("has its address and reaches the host, and nothing of the link stays", async () => {
				await run(shell("ip addr show eth0; ping -c 1 -W 5 10.99.0.1 && echo reached"), { address });
				const lines = (await output()).join("\n");
				expect(lines).toContain(`${address}/16`);
				expect(lines).toContain("02:53:0a:63:4d:02");
				expect(lines).toContain("reached");
			});

			it("counts its address as taken from the moment it is asked for until it is gone", async () => {
				const making = create(shell("sleep 1000"), { address });
				expect(world.runtime.addresses()).toContain(address);
				await making;
				expect(world.runtime.addresses()).toContain(address);
				const refused = create(["/bin/true"], { address }, containerIdOf("other", 0));
				await expect(refused).rejects.toMatchObject({ code: "conflict", details: { holder: web } });
				await world.runtime.remove(web, 1);
				expect(world.runtime.addresses()).toEqual(new Set());
			});

			it("answers on a published port from the host, on its own address and on 127.0.0.1", async () => {
				const port = 20_000 + (process.pid % 10_000);
				const ports = [{ host: port, container: 80, protocol: "tcp" as const }];
				await run(shell("mkdir /www; echo served > /www/index.html; httpd -f -p 80 -h /www"), { address, ports });
				const get = (host: string) => fetchText(host, port);
				expect(await until("an answer", () => get("127.0.0.1").catch(() => null))).toContain("served");
				expect(await get("10.99.0.1")).toContain("served");
				await expect(
					create(["/bin/true"], { address: "10.99.77.3", ports }, containerIdOf("other", 0)),
				).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("web.0 has it") });
				await world.runtime.remove(web, 1);
				await expect(get("127.0.0.1")).rejects.toThrow("ECONNREFUSED");
			});

			it("takes back the ports that a killed daemon had published before it wrote the container down", async () => {
				const port = 20_000 + (process.pid % 10_000);
				const ports = [{ host: port, container: 80, protocol: "tcp" as const }];
				await run(["/bin/sleep", "1000"], { address, ports });
				rmSync(join(world.stateDirectory, "containers/web.0/record.json"));
				await world.reopen();
				expect(await nft.list()).not.toContain(`${world.scope}/web.0`);
			});

			it("reaches its own published port through the host's address", async () => {
				const port = 20_000 + (process.pid % 10_000);
				const ports = [{ host: port, container: 80, protocol: "tcp" as const }];
				await run(shell("mkdir /www; echo served > /www/index.html; httpd -f -p 80 -h /www"), { address, ports });
				const fetched = await until("an answer", async () => {
					const { out } = await exec(shell(getWith("nc", `10.99.0.1 ${port}`)));
					return out === "" ? null : out;
				});
				expect(fetched).toContain("served");
			});

			it.skipIf(pathOf("ip") === null)(
				"goes out through the host's address and is reached at it (needs ip)",
				async () => {
					// A network beyond the host that knows no way back to 10.99.0.0/16: only a translated ping is answered.
					const outside = `swout${process.pid}`;
					const port = 20_000 + (process.pid % 10_000);
					const ports = [{ host: port, container: 80, protocol: "tcp" as const }];
					const serve = "mkdir /www; echo served > /www/index.html; httpd -p 80 -h /www";
					runProgram("ip", "netns", "add", outside);
					try {
						runProgram("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", outside);
						runProgram("ip", "addr", "add", "198.18.77.1/30", "dev", outside);
						runProgram("ip", "link", "set", outside, "up");
						runProgram("ip", "-n", outside, "addr", "add", "198.18.77.2/30", "dev", "eth0");
						runProgram("ip", "-n", outside, "link", "set", "eth0", "up");
						await run(shell(`${serve}; ping -c 1 -W 10 198.18.77.2 && echo reached; sleep 1000`), { address, ports });
						await until("a ping to come back", async () => {
							const lines: string[] = [];
							const options = { tail: null, sinceMs: null, follow: false, stream: null };
							for await (const line of world.runtime.logs(web, options, never)) lines.push(line.text);
							return lines.includes("reached");
						});
						const get = getWith("busybox nc", `198.18.77.1 ${port}`);
						expect(runProgram("ip", "netns", "exec", outside, "busybox", "sh", "-c", get)).toContain("served");
					} finally {
						runProgram("ip", "netns", "del", outside);
					}
				},
			);

			it("refuses an address that another container has, and a port that a program listens on", async () => {
				await run(["/bin/sleep", "1000"], { address });
				const other = containerIdOf("other", 0);
				await expect(create(["/bin/true"], { address }, other)).rejects.toMatchObject({ code: "conflict" });
				const server = createServer();
				server.listen(0, "0.0.0.0");
				await once(server, "listening");
				const { port } = server.address() as { port: number };
				const ports = [{ host: port, container: 80, protocol: "tcp" as const }];
				await expect(create(["/bin/true"], { address: "10.99.77.3", ports }, other)).rejects.toMatchObject({
					code: "conflict",
				});
				server.close();
				expect(world.runtime.get(other)).toBeNull();
			});

			it("takes the address of a container that was removed a moment ago", async () => {
				for (let round = 0; round < 3; round++) {
					const id = containerIdOf("next", round);
					await run(["/bin/sleep", "1000"], { address }, id);
					await world.runtime.remove(id, 1);
				}
			});
		});
	});
});

/** The monitor is the parent of a container's first process. */
function parentOf(pid: number | null): number {
	return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** Bundled below the package, where koffi and the native parts are found. */
function victimDaemon(): string {
	const outfile = fileURLToPath(new URL("../../build/test/victim-daemon.mjs", import.meta.url));
	const entry = fileURLToPath(new URL("../support/victim-daemon.ts", import.meta.url));
	buildSync({ entryPoints: [entry], outfile, bundle: true, platform: "node", format: "esm", packages: "external" });
	return outfile;
}

/** A static busybox cannot resolve names, which its wget does even for numbers. */
function getWith(nc: string, place: string): string {
	return `printf "GET / HTTP/1.0\\r\\n\\r\\n" | ${nc} -w 10 ${place}`;
}

function fetchText(host: string, port: number): Promise<string> {
	return new Promise((resolve, reject) => {
		const socket = connect({ host, port, timeout: 10_000 });
		let text = "";
		socket.on("data", (chunk) => {
			text += chunk.toString();
		});
		socket.on("error", reject);
		socket.on("timeout", () => socket.destroy(new Error("no answer")));
		socket.on("close", () => resolve(text));
		socket.end("GET / HTTP/1.0\r\n\r\n");
	});
}
