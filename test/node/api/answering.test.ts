import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectLocal } from "../../../src/node/api/client.js";
import { serveHttp } from "../../../src/node/api/http-server.js";
import { httpTransport, SOCKET_NAME } from "../../../src/node/api/http-transport.js";
import { type ApiHandler, jsonAnswer } from "../../../src/node/api/message.js";

// Generous to a slow machine where an answer is to be in time, short where none comes.
const patient = { silenceMs: 5, pingMs: 60_000 };
const hasty = { silenceMs: 5, pingMs: 50 };
const call = { method: "GET", path: "/v1/nodes" } as const;

let directory: string;
let server: Server;
let pings: number;
/** What a call other than a ping gets. */
let answer: (response: ServerResponse) => void;
let hangs: boolean;

beforeEach(async () => {
	directory = mkdtempSync(join(tmpdir(), "swarm-answering-"));
	pings = 0;
	hangs = false;
	server = createServer((request, response) => {
		if (request.url !== "/v1/ping") return answer(response);
		pings++;
		if (!hangs) response.end("{}");
	});
	await new Promise<void>((resolve) => server.listen(join(directory, SOCKET_NAME), resolve));
});
afterEach(() => {
	server.closeAllConnections();
	server.close();
	rmSync(directory, { recursive: true, force: true });
});

describe("a call to a daemon", () => {
	it("over a connection that carries many ends with the reason, too", async () => {
		hangs = true;
		answer = () => {};
		const client = connectLocal(directory, { keepAlive: true, limits: hasty });
		await expect(client.nodes()).rejects.toMatchObject({ code: "unreachable", message: /answers none/ });
	});

	it("over a connection that was good so far ends so when the daemon falls silent", async () => {
		server.close();
		const path = join(directory, SOCKET_NAME);
		let isSilent = false;
		const handler: ApiHandler = async () => (isSilent ? new Promise(() => {}) : jsonAnswer([]));
		const daemon = await serveHttp(path, handler);
		const client = connectLocal(directory, { keepAlive: true, limits: hasty });
		expect(await client.nodes()).toEqual([]);
		isSilent = true;
		await expect(client.nodes()).rejects.toMatchObject({ code: "unreachable", message: /answers none/ });
		await daemon.close();
	});

	it("ends with the reason when the daemon answers nothing at all", async () => {
		hangs = true;
		answer = () => {};
		await expect(httpTransport(directory, hasty).json(call)).rejects.toMatchObject({
			code: "unreachable",
			message: expect.stringContaining("takes calls and answers none"),
		});
	});

	it("ends so too when the daemon falls silent in the middle of its answer", async () => {
		hangs = true;
		answer = (response) => void response.write('{"a":1}\n');
		const lines: unknown[] = [];
		const reading = async () => {
			for await (const line of httpTransport(directory, hasty).lines(call)) lines.push(line);
		};
		await expect(reading()).rejects.toMatchObject({ code: "unreachable" });
		expect(lines).toEqual([{ a: 1 }]);
	});

	it("waits on as long as the daemon answers others, and looks no more once it has its own", async () => {
		let late: ServerResponse | null = null;
		answer = (response) => {
			late = response;
		};
		const answered = httpTransport(directory, patient).json(call);
		await expect.poll(() => pings, { timeout: 60_000 }).toBeGreaterThan(2);
		(late as ServerResponse | null)?.end('{"b":2}');
		expect(await answered).toEqual({ b: 2 });
	});
});
