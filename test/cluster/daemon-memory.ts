// What a daemon really holds: its heap after full collections, asked of it through Node's inspector, which a signal opens. What the
// kernel counts as resident also has what the collector has not given back yet.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { until } from "../support/until.js";

const COLLECTIONS = 3;

/** Runs where the daemon is (its network is its own), prints the bytes. */
const program = `
const [{ webSocketDebuggerUrl }] = await (await fetch("http://127.0.0.1:9229/json")).json();
const socket = new WebSocket(webSocketDebuggerUrl);
const answers = new Map();
socket.onmessage = ({ data }) => { const { id, result } = JSON.parse(data); answers.get(id)?.(result); };
await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
let last = 0;
const call = (method, params = {}) => new Promise((resolve) => {
	answers.set(++last, resolve);
	socket.send(JSON.stringify({ id: last, method, params }));
});
for (let count = 0; count < ${COLLECTIONS}; count++) await call("HeapProfiler.collectGarbage");
const expression = "(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())";
const { result } = await call("Runtime.evaluate", { expression });
console.log(result.value);
socket.close();
`;

/** Megabytes. The inspector stays open from the first call on: a few descriptors more. */
export async function heldMb(pid: number): Promise<number> {
	process.kill(pid, "SIGUSR1");
	const inside = ["--target", String(pid), "--net", process.execPath, "--input-type=module", "--eval", program];
	const bytes = await until("the daemon's inspector", async () => {
		const { stdout } = await promisify(execFile)("nsenter", inside).catch(() => ({ stdout: "" }));
		return Number(stdout.trim()) || null;
	});
	return Math.round(bytes / 1e5) / 10;
}
