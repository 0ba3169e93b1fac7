// What this machine's own files say, which a power cut can tear, and what is written by other programs on it: records, logs, the
// monitor's lines, profiles, OCI configurations, backups.

import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dialMultiaddr, isMultiaddr, listenMultiaddr } from "../../../src/mesh/address.js";
import type { ContainerId } from "../../../src/model.js";
import { restoreBackup } from "../../../src/node/backup.js";
import { planContainer, rootField } from "../../../src/oci/config/container-plan.js";
import { decodeLogLine } from "../../../src/runtime/logs/log-file.js";
import { decodeExit, decodeMessage } from "../../../src/runtime/monitor-protocol.js";
import { decodeRecord } from "../../../src/runtime/record.js";
import { strictProfile } from "../../../src/runtime/seccomp/profiles.js";
import { readSeccompProfile } from "../../../src/runtime/seccomp/read-profile.js";
import { minimalConfig } from "../../oci/support/config.js";
import { placeOn, pureTrees } from "../../oci/support/place.js";
import { tarOf } from "../../support/oci-image.js";
import { specOf } from "../../support/records.js";
import { type Decoder, jsonSeed, piecesOf, textSeed } from "../decoder.js";
import { identityNamed, keyNamed } from "../keys.js";

const container = "web.0" as ContainerId;
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const record = {
	...{ version: 1, bootId: "b", epoch: 3, revision: 1, phase: "running", createdAtMs: 1, startedAtMs: 2 },
	...{ finishedAtMs: null, exitCode: null, oomKilled: false, error: null, move: null, firstId: null },
	request: { container, epoch: 3, revision: 1, spec: specOf("web"), image: { name: "host" }, address: null },
};
const config = {
	...minimalConfig("rootfs"),
	hostname: "web",
	annotations: { a: "b" },
	hooks: { prestart: [{ path: "/bin/true", args: ["true"], timeout: 3 }] },
	linux: {
		...minimalConfig("rootfs").linux,
		resources: { memory: { limit: 1e6 }, cpu: { shares: 10 }, devices: [{ allow: false, access: "rwm" }] },
		namespaces: ["pid", "user", "mount", "network", "uts"].map((type) => ({ type })),
		uidMappings: [{ containerID: 0, hostID: 1_000, size: 10 }],
		sysctl: { "net.ipv4.ip_forward": "1" },
		seccomp: { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO" }] },
	},
};

function parsedOrNull(bytes: Uint8Array): unknown {
	try {
		return JSON.parse(textOf(bytes));
	} catch {
		return null;
	}
}

const hashOf = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const key = Buffer.from(keyNamed("a node").export({ type: "pkcs8", format: "pem" }));
const files = { "node.key": hashOf(key), journal: hashOf(Buffer.from("torn")) };
const about = { version: 1, node: identityNamed("a node").node, takenAtMs: 5, files };
const backup = await tarOf([
	{ name: "backup.json", content: JSON.stringify(about) },
	{ name: "state/node.key", content: key, mode: 0o600 },
	{ name: "state/journal", content: "torn" },
]);

export const diskDecoders: readonly Decoder[] = [
	{
		name: "record of a container",
		seeds: [jsonSeed(record)],
		form: "json",
		read: (bytes) => decodeRecord(textOf(bytes), container),
	},
	{
		name: "lines of a monitor",
		seeds: ["state running 42", "state exited 0 9 1 1700000000000 killed", "ok freeze", "error stop no"].map(textSeed),
		form: "bytes",
		read: (bytes) => decodeMessage(textOf(bytes)) ?? decodeExit(textOf(bytes)),
	},
	{
		name: "lines of a log",
		seeds: ["1700000000000 F hello", "1700000000000 P part", "1 F"].map(textSeed),
		form: "bytes",
		read: (bytes) => decodeLogLine(textOf(bytes), "stdout"),
	},
	{
		name: "seccomp profiles",
		seeds: [jsonSeed(strictProfile), jsonSeed(config.linux.seccomp)],
		form: "json",
		read: (bytes) => readSeccompProfile(parsedOrNull(bytes)),
	},
	{
		name: "OCI configurations",
		seeds: [jsonSeed(config)],
		form: "json",
		read(bytes) {
			const given = parsedOrNull(bytes);
			return typeof given === "object" && given !== null && !Array.isArray(given)
				? planContainer(rootField(given), placeOn(pureTrees)).resources(() => 2)
				: null;
		},
	},
	{
		name: "backups",
		seeds: [backup],
		form: "bytes",
		async read(bytes, chance) {
			const parent = await mkdtemp(join(tmpdir(), "swarm-fuzz-"));
			try {
				const archive = (async function* () {
					for (const piece of piecesOf(bytes, chance)) yield Buffer.from(piece);
				})();
				return await restoreBackup(archive, "it", join(parent, "state"));
			} finally {
				await rm(parent, { recursive: true });
			}
		},
		msMax: 1_000,
	},
	{
		name: "addresses",
		seeds: ["10.0.0.1:7749", "[::1]:1", "/ip4/10.0.0.1/tcp/7749", "node.lab", "/dns/a.b/tcp/1/p2p/x"].map(textSeed),
		form: "bytes",
		read(bytes) {
			const text = textOf(bytes);
			return isMultiaddr(text) ? dialMultiaddr(text) : [dialMultiaddr(text), listenMultiaddr(text)];
		},
	},
];
