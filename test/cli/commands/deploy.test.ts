import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import Deploy from "../../../src/cli/commands/deploy.js";
import { SwarmError } from "../../../src/errors.js";
import type { ContainerRow } from "../../../src/node/api/contract.js";
import { validateSpec } from "../../../src/node/spec/validate-spec.js";
import { fakeDaemon } from "../fake-daemon.js";
import { containerRow } from "../rows.js";
import { runCommand } from "../run.js";

const route = "POST /v1/workloads";

function placed(...containers: readonly ContainerRow[]) {
	return fakeDaemon({ [route]: () => ({ workload: "web", containers, notes: [] }) });
}

function specFile(text: string): string {
	const directory = mkdtempSync(join(tmpdir(), "swarm-spec-"));
	onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
	writeFileSync(join(directory, "web.yaml"), text);
	return join(directory, "web.yaml");
}

describe("swarm deploy", () => {
	it("makes a spec of the flags and of the command after --", async () => {
		const daemon = await placed(containerRow());
		const words =
			"web --image host --cpus 0.5 --memory 256M --pids 100 --env A=1 -e B=x=y --label team=a --constraint disk=ssd --publish 8080:80 --replicas 2 --stop-grace 3s --user 1:1 --workdir /tmp";
		const argv = [...words.split(" "), "--state", daemon.stateDirectory, "--", "sh", "-c", "echo --json"];
		const { stdout, exitCode } = await runCommand(Deploy, "deploy", argv);
		expect(exitCode).toBe(0);
		expect(stdout).toMatch(/web\.0 +n1 +running/);
		expect(daemon.asked[0]?.body).toEqual(
			validateSpec({
				name: "web",
				image: "host",
				command: ["sh", "-c", "echo --json"],
				env: { A: "1", B: "x=y" },
				labels: { team: "a" },
				constraints: ["disk=ssd"],
				ports: ["8080:80"],
				replicas: 2,
				stopGrace: "3s",
				user: "1:1",
				workdir: "/tmp",
				resources: { cpus: 0.5, memory: "256M", pids: 100 },
			}),
		);
	});

	it("lets flags win over a file", async () => {
		const daemon = await placed(containerRow());
		const file = specFile("name: web\nimage: host\nreplicas: 1\nresources: { cpus: 1, memory: 64M }\nstopGrace: 1s\n");
		await runCommand(Deploy, "deploy", [
			"-f",
			file,
			"--replicas",
			"3",
			"--cpus",
			"2",
			"--state",
			daemon.stateDirectory,
		]);
		expect(daemon.asked[0]?.body).toMatchObject({
			name: "web",
			replicas: 3,
			resources: { cpus: 2, memoryBytes: 64 * 1024 ** 2 },
			stopGraceMs: 1000,
		});
	});

	it("takes what a workload may do from flags, one by one over the file", async () => {
		const daemon = await placed(containerRow());
		const file = specFile("name: web\nsecurity: { readOnlyRoot: true, oomScoreAdj: 5 }\n");
		const argv = ["-f", file, "--cap-add", "net_admin", "--cap-drop", "ALL", "--rlimit", "nofile=10:unlimited"];
		const more = ["--sysctl", "net.ipv4.ip_forward=1", "--oom-score-adj", "-7", "--cap-ambient", "NET_RAW"];
		await runCommand(Deploy, "deploy", [...argv, ...more, "--state", daemon.stateDirectory]);
		expect(daemon.asked[0]?.body).toMatchObject({
			security: {
				capabilities: { add: ["CAP_NET_ADMIN"], drop: ["ALL"], ambient: ["CAP_NET_RAW"] },
				readOnlyRoot: true,
				rlimits: [{ name: "nofile", soft: 10, hard: null }],
				sysctls: { "net.ipv4.ip_forward": "1" },
				oomScoreAdj: -7,
			},
		});
	});

	it("lets the isolation of a flag decide on the network of a file that says none", async () => {
		const daemon = await placed(containerRow());
		const argv = [
			"-f",
			specFile("name: web\n"),
			"--isolation",
			"strict",
			"--no-read-only",
			"--device",
			"/dev/fuse:rw",
			"--userns",
		];
		await runCommand(Deploy, "deploy", [...argv, "--state", daemon.stateDirectory]);
		expect(daemon.asked[0]?.body).toMatchObject({
			isolation: "strict",
			network: "none",
			security: { readOnlyRoot: false, userNamespace: true, devices: [{ path: "/dev/fuse", access: "rw" }] },
		});
	});

	it("carries a seccomp profile from a file inside the spec", async () => {
		const daemon = await placed(containerRow());
		const profile = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["bpf"], action: "SCMP_ACT_ERRNO" }] };
		const file = specFile(JSON.stringify(profile));
		await runCommand(Deploy, "deploy", ["web", "--seccomp", file, "--state", daemon.stateDirectory]);
		expect(daemon.asked[0]?.body).toMatchObject({ security: { seccomp: profile } });
	});

	it.each([
		[["web", "--seccomp", "/does/not/exist.json"], /there is no such file, wanted default, unconfined or a JSON file/],
		[["web", "--image", "a b"], /image is "a b", wanted an image such as host/],
		[["web", "--image", "host", "--memory", "lots"], /resources.memory is "lots", wanted at least 1M/],
		[["web", "--image", "host", "--replicas", "many"], /replicas is "many", wanted a whole number/],
		[["web", "--image", "host", "--env", "A"], /--env: it is "A", wanted KEY=VALUE/],
		[["-f", "/does/not/exist.yaml"], /there is no such file, wanted a YAML file/],
	])("refuses %j in one line, before it asks the daemon", async (argv, line) => {
		const daemon = await placed(containerRow());
		const ran = await runCommand(Deploy, "deploy", [...argv, "--state", daemon.stateDirectory]);
		expect(ran).toMatchObject({ stdout: "", exitCode: 2 });
		expect(ran.stderr).toMatch(line);
		expect(ran.stderr.trimEnd()).not.toContain("\n");
		expect(daemon.asked).toEqual([]);
	});

	it("names the line of a wrong field of a file", async () => {
		const ran = await runCommand(Deploy, "deploy", ["-f", specFile("name: web\nimage: host\nreplicas: 0\n")]);
		expect(ran.stderr).toBe(
			"Cannot accept the spec: line 3: replicas is the number 0, wanted a whole number from 1 to 1000\n",
		);
		expect(ran.exitCode).toBe(2);
	});

	it("passes on the daemon's refusal with its exit code", async () => {
		const daemon = await fakeDaemon({
			[route]: () => {
				throw new SwarmError("conflict", "Cannot deploy web: the name is taken");
			},
		});
		const ran = await runCommand(Deploy, "deploy", ["web", "--image", "host", "--state", daemon.stateDirectory]);
		expect(ran).toEqual({ stdout: "", stderr: "Cannot deploy web: the name is taken\n", exitCode: 5 });
	});

	it("shows what was placed and ends with 5 when a replica was not", async () => {
		const daemon = await placed(
			containerRow({ phase: "pending", owner: null, node: null, error: "no node has 64 CPUs" }),
		);
		const ran = await runCommand(Deploy, "deploy", ["web", "--image", "host", "--state", daemon.stateDirectory]);
		expect(ran.stdout).toMatch(/web\.0 +- +pending/);
		expect(ran.stderr).toBe("Cannot place web.0: no node has 64 CPUs\n");
		expect(ran.exitCode).toBe(5);
	});

	it("ends with 1 when a replica could not run", async () => {
		const daemon = await placed(containerRow({ phase: "failed", exitCode: 127, error: "sleeep: not found" }));
		const ran = await runCommand(Deploy, "deploy", [
			"web",
			"--image",
			"host",
			"--json",
			"--state",
			daemon.stateDirectory,
		]);
		expect(JSON.parse(ran.stdout)).toMatchObject({ containers: [{ phase: "failed" }] });
		expect(ran.exitCode).toBe(1);
	});
});
