// The local API and the same calls over the mesh: frames, heads, bodies, specs in JSON and YAML, and what a client reads of an answer.

import type { MeshStream } from "../../../src/mesh/mesh.js";
import type { NodeId } from "../../../src/model.js";
import { callFrameReader, callHeadOf, encodeWhole } from "../../../src/node/api/calls/frames.js";
import { decodeInputFrames, encodeExecFrame, encodeInputFrame, execFrameReader } from "../../../src/node/api/frames.js";
import { answerStream, callOver } from "../../../src/node/api/mesh-door.js";
import { jsonAnswer, jsonBody } from "../../../src/node/api/message.js";
import { runRequestOf } from "../../../src/node/api/run-request.js";
import { errorIn, linesIn } from "../../../src/node/api/transport.js";
import { ruleOf } from "../../../src/node/guests/rules.js";
import { parseSpec } from "../../../src/node/spec/parse-spec.js";
import { validateSpec } from "../../../src/node/spec/validate-spec.js";
import type { SimChance } from "../../cluster/sim/sim-chance.js";
import { type Decoder, jsonSeed, piecesOf, textSeed } from "../decoder.js";

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function framed(body: Uint8Array): Uint8Array {
	const length = Buffer.alloc(4);
	length.writeUInt32BE(body.length);
	return Buffer.concat([length, body]);
}

/** A stream whose other end says these bytes and takes what it hears. */
function saying(bytes: Uint8Array, chance: SimChance): MeshStream {
	const pieces = piecesOf(bytes, chance);
	const nothing = async () => {};
	return {
		peer: "n2" as NodeId,
		read: async () => pieces.next().value ?? null,
		write: nothing,
		end: nothing,
		abort() {},
	};
}

async function* arriving(bytes: Uint8Array, chance: SimChance): AsyncGenerator<Uint8Array> {
	yield* piecesOf(bytes, chance);
}

async function* textArriving(bytes: Uint8Array, chance: SimChance): AsyncGenerator<string> {
	const decoder = new TextDecoder();
	for (const piece of piecesOf(bytes, chance)) yield decoder.decode(piece, { stream: true });
}

const specs = [
	{ name: "web", image: "host", command: ["sleep", "1"], labels: { tier: "a" }, ports: ["80:8080/tcp"] },
	{
		...{ name: "db", replicas: 3, resources: { cpus: 0.5, memory: "64MiB", pids: 10 }, network: "none" },
		...{ volumes: ["data:/data", { target: "/scratch", tmpfs: "64MiB" }], restart: "always", isolation: "strict" },
		...{ env: { A: "1" }, constraints: ["disk=ssd", "!gpu"], security: { capabilities: { add: ["NET_ADMIN"] } } },
		health: { command: ["true"], interval: "5s" },
	},
];
const heads = [
	{ method: "GET", path: "/v1/containers", query: "workload=web" },
	{ method: "POST", path: "/v1/workloads", query: "" },
	{ method: "DELETE", path: "/v1/workloads/web", query: "force=true" },
];
const error = { error: { code: "refused", message: "Cannot do it: no", retryable: false, details: {} } };
const yamlTexts = [
	"name: web\nimage: host\ncommand: [sleep, '1']\nenv:\n  A: 1.10\nports:\n  - 80:8080\n",
	"# two\nname: db\nreplicas: 3\nlabels: &l {tier: a, on: yes}\nresources:\n  memory: 64MiB\n  cpus: 0.5\n",
	"name: x\nenv: {A: &a one, B: *a}\ncommand:\n  - |\n    sh\n    -c\n  - >-\n    folded\n    text\n",
	'{"name": "json", "command": ["a", "b"], "volumes": ["data:/data"]}',
];

const callFrames = [
	...heads.map((head) => encodeWhole(head, JSON.stringify(specs[0]))),
	encodeWhole({ status: 200, contentType: "application/json" }, '{"a":1}'),
	Uint8Array.of(2, 0, 4, 0, 0),
];
const execFrames = [
	encodeExecFrame({ kind: "stdout", bytes: Buffer.from("hello") }),
	encodeExecFrame({ kind: "stderr", bytes: Buffer.from("oh") }),
	encodeExecFrame({ kind: "exit", exitCode: 3 }),
	encodeExecFrame({ kind: "error", error: { code: "failed", message: "no", retryable: false, details: {} } }),
	Uint8Array.of(1, 0, 4, 0, 0),
];
const inputFrames = [
	encodeInputFrame({ kind: "stdin", bytes: Buffer.from("ls\n") }),
	encodeInputFrame({ kind: "resize", size: { rows: 24, columns: 80 } }),
	Uint8Array.of(16, 0, 4, 0, 0),
];

/** Frames of a kind of call or exec whose payload is JSON. */
const framedAs = (kinds: readonly number[]) => (body: Uint8Array, chance: SimChance) => {
	const head = Buffer.alloc(5);
	head.writeUInt8(chance.pick(kinds));
	head.writeUInt32BE(body.length, 1);
	return Buffer.concat([head, body]);
};

export const callDecoders: readonly Decoder[] = [
	{
		name: "frames of calls",
		seeds: callFrames,
		form: "talk",
		read(bytes, chance) {
			const read = callFrameReader("a call", callHeadOf);
			for (const piece of piecesOf(bytes, chance)) read(piece);
		},
	},
	{
		name: "frames of exec, caller",
		seeds: execFrames,
		form: "talk",
		read(bytes, chance) {
			const read = execFrameReader();
			for (const piece of piecesOf(bytes, chance)) read(piece);
		},
	},
	{
		name: "frames of exec with JSON",
		seeds: [jsonSeed({ exitCode: 3 }), jsonSeed(error.error), jsonSeed({ rows: 24, columns: 80 })],
		form: "json",
		wrap: framedAs([3, 4]),
		read: (bytes) => void execFrameReader()(bytes),
	},
	{
		name: "frames of exec, daemon",
		seeds: inputFrames,
		form: "talk",
		async read(bytes, chance) {
			for await (const _ of decodeInputFrames(arriving(bytes, chance)));
		},
	},
	{
		name: "sizes of a terminal",
		seeds: [jsonSeed({ rows: 24, columns: 80 })],
		form: "json",
		wrap: framedAs([17]),
		async read(bytes, chance) {
			for await (const _ of decodeInputFrames(arriving(bytes, chance)));
		},
	},
	{
		name: "calls of peers and guests",
		seeds: heads.map(jsonSeed),
		form: "json",
		wrap: (body, chance) => Buffer.concat([framed(body), chance.pick([jsonSeed(specs[0]), new Uint8Array(0)])]),
		async read(bytes, chance) {
			await answerStream(saying(bytes, chance), async (call) => {
				const rule = ruleOf(call.method, call.path);
				if (call.method !== "GET") await jsonBody({ ...call, local: false, guest: null }).catch(() => {});
				return jsonAnswer({ rule: rule?.name ?? null, keys: [...call.query.keys()] });
			});
		},
	},
	{
		name: "answers of peers",
		seeds: [jsonSeed({ status: 200, contentType: "application/json" }), jsonSeed({ status: 400, contentType: "x" })],
		form: "json",
		wrap: (body, chance) => Buffer.concat([framed(body), chance.pick([jsonSeed(error), new Uint8Array(0)])]),
		async read(bytes, chance) {
			const { signal } = new AbortController();
			const body = arriving(new Uint8Array(0), chance);
			const call = { method: "GET", path: "/v1/nodes", query: new URLSearchParams(), body, signal };
			const answer = await callOver(saying(bytes, chance), call);
			const parts: Uint8Array[] = [];
			if (!(answer.body instanceof Uint8Array)) for await (const part of answer.body) parts.push(part);
			if (answer.status >= 400) throw errorIn(Buffer.concat(parts).toString());
		},
	},
	{
		name: "lines of an answer",
		seeds: [jsonSeed({ kind: "line", at: 1 }), jsonSeed(error), textSeed("\n"), textSeed('{"a":"ä"}\n{"b":2}\n')],
		form: "talk",
		wrap: (body, chance) => (chance.happens(0.7) ? Buffer.concat([body, Buffer.from("\n")]) : body),
		async read(bytes, chance) {
			for await (const _ of linesIn(textArriving(bytes, chance)));
		},
	},
	{
		name: "specs as JSON",
		seeds: specs.map(jsonSeed),
		form: "json",
		read: (bytes) => validateSpec(JSON.parse(jsonOrNull(textOf(bytes)))),
	},
	{
		name: "run requests",
		seeds: specs.map((spec) => jsonSeed({ spec })),
		form: "json",
		read: (bytes) => runRequestOf(textOf(bytes)),
	},
	{
		name: "specs as YAML",
		seeds: yamlTexts.map(textSeed),
		form: "bytes",
		read: (bytes) => parseSpec(textOf(bytes)),
		// A person's own file: the library takes the square of its size, and that is known.
		bytesMax: 16 * 1024,
		msMax: 1_000,
	},
];

function jsonOrNull(text: string): string {
	try {
		JSON.parse(text);
		return text;
	} catch {
		return "null";
	}
}
