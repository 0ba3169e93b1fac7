// The network of a lab: a bridge in a namespace of its own, a port for each node, and in each node's namespace one link
// with its address. Cutting and healing are drops at the bridge: the nodes' own rules and addresses stay as they are,
// and what is cut is cut for everything, ARP included. Made with ip(8) and nft(8); nothing outside the lab's namespaces
// is touched.

import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { SwarmError } from "../../errors.js";
import { type Lab, type LabNode, namespacePath } from "./plan.js";

const BRIDGE = "br0";
const TABLE = "lab";
const OUTPUT_BYTES_MAX = 1024 * 1024;

/** Packets from `from` do not reach `to`. */
export interface Cut {
	readonly from: string;
	readonly to: string;
}

export async function layWires(lab: Lab): Promise<void> {
	for (const { namespace } of [lab, ...lab.nodes]) await run(["ip", "netns", "add", namespace]);
	const ports = lab.nodes.flatMap((node) => [
		`link add ${node.name} type veth peer name eth0 netns ${node.namespace}`,
		`link set ${node.name} master ${BRIDGE} up`,
	]);
	const bridge = [`link add ${BRIDGE} type bridge`, `link set ${BRIDGE} up`, ...ports];
	await run(["ip", "-n", lab.namespace, "-batch", "-"], bridge.join("\n"));
	for (const node of lab.nodes) await raise(node);
	await run(["nsenter", `--net=${namespacePath(lab.namespace)}`, "nft", "-f", "-"], rulesOf([]));
}

/** A node has one address: without IPv6, whose link-local addresses would be a second way. */
async function raise(node: LabNode): Promise<void> {
	const noIpv6 = "f=/proc/sys/net/ipv6/conf/all/disable_ipv6; [ ! -e $f ] || echo 1 > $f";
	await run(["nsenter", `--net=${namespacePath(node.namespace)}`, "sh", "-c", noIpv6]);
	const lines = [`link set lo up`, `addr add ${node.address}/24 dev eth0`, `link set eth0 up`];
	await run(["ip", "-n", node.namespace, "-batch", "-"], lines.join("\n"));
}

/** Idempotent. The links go with the namespaces. */
export async function removeWires(lab: Lab): Promise<void> {
	const present = new Set(await readdir("/run/netns").catch(() => []));
	for (const { namespace } of [...lab.nodes, lab]) {
		if (present.has(namespace)) await run(["ip", "netns", "delete", namespace]);
	}
}

/** Exactly these cuts from now on, in one step. */
export async function setCuts(lab: Lab, cuts: readonly Cut[]): Promise<void> {
	await run(["nsenter", `--net=${namespacePath(lab.namespace)}`, "nft", "-f", "-"], rulesOf(cuts));
}

export async function readCuts(lab: Lab): Promise<readonly Cut[]> {
	const list = ["nft", "-j", "list", "set", "bridge", TABLE, "cut"];
	const text = await run(["nsenter", `--net=${namespacePath(lab.namespace)}`, ...list]);
	const { nftables } = JSON.parse(text) as { nftables: { set?: { elem?: { concat: [string, string] }[] } }[] };
	const elements = nftables.flatMap((item) => item.set?.elem ?? []);
	return elements.map(({ concat: [from, to] }) => ({ from, to }));
}

function rulesOf(cuts: readonly Cut[]): string {
	const elements = cuts.map(({ from, to }) => `"${from}" . "${to}"`);
	return [
		`table bridge ${TABLE}`,
		`delete table bridge ${TABLE}`,
		`table bridge ${TABLE} {`,
		"	set cut {",
		"		type ifname . ifname",
		elements.length > 0 ? `		elements = { ${elements.join(", ")} }` : "",
		"	}",
		"	chain forward {",
		"		type filter hook forward priority filter; policy accept;",
		"		iifname . oifname @cut drop",
		"	}",
		"}",
		"",
	].join("\n");
}

/** Standard output. Code `failed` with what the program said. */
async function run(argv: readonly string[], input = ""): Promise<string> {
	const child = spawn(argv[0] ?? "", argv.slice(1), { stdio: ["pipe", "pipe", "pipe"] });
	let output = "";
	let complaint = "";
	const keep = (text: string, more: Buffer) => (text.length < OUTPUT_BYTES_MAX ? text + more.toString() : text);
	child.stdout.on("data", (bytes: Buffer) => {
		output = keep(output, bytes);
	});
	child.stderr.on("data", (bytes: Buffer) => {
		complaint = keep(complaint, bytes);
	});
	// A program that does not read its input to the end has said why on standard error.
	child.stdin.on("error", () => {});
	child.stdin.end(input === "" ? "" : `${input}\n`);
	const code = await new Promise<number | string>((resolve) => {
		child.once("error", (error) => resolve(error.message));
		child.once("close", (status, signal) => resolve(status ?? signal ?? 1));
	});
	if (code === 0) return output;
	const why = complaint.trim().split("\n").at(0) || String(code);
	throw new SwarmError("failed", `Cannot run ${argv.join(" ")}: ${why}`, { details: { argv, complaint } });
}
