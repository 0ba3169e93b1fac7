import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { Readable, Writable } from "node:stream";
import { afterEach, expect, it } from "vitest";
import type { HealthProbe } from "../../../src/model.js";
import { createProbe } from "../../../src/node/health/probe.js";
import type { ContainerState, ExecRequest, ExecSession } from "../../../src/runtime/runtime.js";

const servers: Server[] = [];
afterEach(() => {
	for (const server of servers.splice(0)) server.close();
});

async function portOf(server: Server): Promise<number> {
	servers.push(server);
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return (server.address() as AddressInfo).port;
}

const state = { container: "web.0", address: "127.0.0.1" } as ContainerState;
const untouched = { exec: () => Promise.reject(new Error("no command was wanted")) };
const ask = (
	probe: HealthProbe,
	signal = new AbortController().signal,
	runtime: Parameters<typeof createProbe>[0] = untouched,
) => createProbe(runtime)(state, probe, signal);

it("an HTTP check passes with a status from 200 to 399, however long the body is", async () => {
	const port = await portOf(
		createHttpServer((request, response) => {
			response.writeHead(Number(request.url?.slice(1)));
			response.write("x".repeat(100_000));
		}),
	);
	for (const path of ["/200", "/302"]) await ask({ kind: "http", port, path });
	for (const path of ["/404", "/503"])
		await expect(ask({ kind: "http", port, path })).rejects.toThrow(`HTTP status ${path.slice(1)}`);
});

it("a TCP check passes when the connection opens, and fails where nobody listens", async () => {
	const server = createServer((socket) => socket.end());
	const port = await portOf(server);
	await ask({ kind: "tcp", port });
	await new Promise((resolve) => server.close(resolve));
	await expect(ask({ kind: "tcp", port })).rejects.toThrow("ECONNREFUSED");
	await expect(ask({ kind: "http", port, path: "/" })).rejects.toThrow("ECONNREFUSED");
});

it("a check that is given up ends with the reason", async () => {
	const port = await portOf(createHttpServer(() => {}));
	const abort = new AbortController();
	const asked = ask({ kind: "http", port, path: "/" }, abort.signal);
	abort.abort(new Error("took too long"));
	await expect(asked).rejects.toThrow("took too long");
});

function sessionOf(code: number, output: string, isWhole: boolean): ExecSession {
	const whole = { stdout: Buffer.from(output), stderr: Buffer.alloc(0), exitCode: code };
	return {
		whole: Promise.resolve(isWhole ? whole : null),
		stdin: new Writable({ write: (_chunk, _encoding, done) => done() }),
		stdout: Readable.from([Buffer.from(output)]),
		stderr: Readable.from([]),
		exit: new Promise((resolve) => setImmediate(() => setImmediate(() => resolve(code)))),
		kill() {},
		resize() {},
	};
}

it("a command passes with exit code 0, and its output is the reason otherwise", async () => {
	const requests: ExecRequest[] = [];
	const runtime = (code: number, isWhole: boolean) => ({
		exec: async (_: unknown, request: ExecRequest) => {
			requests.push(request);
			return sessionOf(code, "not ready\n", isWhole);
		},
	});
	const probe = { kind: "command", command: ["ready"] } as const;
	for (const isWhole of [true, false]) {
		await ask(probe, undefined, runtime(0, isWhole));
		await expect(ask(probe, undefined, runtime(7, isWhole))).rejects.toThrow("exit code 7: not ready");
	}
	expect(requests[0]?.command).toEqual(["ready"]);
});
