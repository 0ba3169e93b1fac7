// Recorded machines of test/data/hardware, unpacked into temporary directories, and what hwloc reads from them.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const dataDirectory = new URL("../data/hardware/", import.meta.url).pathname;

export interface Recording {
	readonly root: string;
	remove(): Promise<void>;
}

/** A machine recorded by hwloc; `expected.xml` or `expected.console` stands in its root. */
export function unpackMachine(name: string): Recording {
	const recording = emptyMachine();
	execFileSync("tar", ["-xzf", join(dataDirectory, `${name}.tar.gz`), "-C", recording.root, "--no-same-owner"]);
	return recording;
}

/** A text archive of node_exporter: entries of `Path:` with `Lines:` and contents, or with `SymlinkTo:`. */
export function unpackText(name: string): Recording {
	const recording = emptyMachine();
	for (const entry of readFileSync(join(dataDirectory, `${name}.ttar`), "utf8").split(/^# ttar [- ]+\n/m)) {
		const [head = "", ...rest] = entry.split("\n");
		if (head.startsWith("Path: ")) unpackEntry(join(recording.root, head.slice("Path: ".length)), rest);
	}
	return recording;
}

function unpackEntry(path: string, lines: readonly string[]): void {
	mkdirSync(dirname(path), { recursive: true });
	const [kind = ""] = lines;
	if (kind.startsWith("SymlinkTo: ")) symlinkSync(kind.slice("SymlinkTo: ".length), path);
	else writeFileSync(path, `${lines.slice(1, 1 + Number(kind.slice("Lines: ".length))).join("\n")}\n`);
}

export function emptyMachine(files: Readonly<Record<string, string>> = {}): Recording {
	const root = mkdtempSync(join(tmpdir(), "swarm-machine-"));
	for (const [path, content] of Object.entries(files)) {
		mkdirSync(dirname(join(root, path)), { recursive: true });
		writeFileSync(join(root, path), content);
	}
	return { root, remove: () => rm(root, { recursive: true, force: true }) };
}

export interface Expected {
	readonly cores: number;
	readonly cpus: number;
	/** By rising id. */
	readonly numa: readonly { readonly id: number; readonly cpus: readonly number[]; readonly memoryBytes: number }[];
	/** Address → NUMA nodes of the nearest object around the device. */
	readonly pciNodes: ReadonlyMap<string, readonly number[]>;
	readonly pciSpeeds: ReadonlyMap<string, number>;
}

/** What hwloc's XML says, in the words of the hardware profile. */
export function readExpected(root: string): Expected {
	const around: (string | null)[] = [];
	const objects: { readonly type: string; readonly attributes: Map<string, string>; readonly nodeset: string }[] = [];
	for (const [tag] of readFileSync(join(root, "expected.xml"), "utf8").matchAll(/<\/?object\b[^>]*>/g)) {
		if (tag.startsWith("</")) {
			around.pop();
			continue;
		}
		const attributes = new Map([...tag.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]));
		const nodeset = attributes.get("nodeset") ?? around.at(-1) ?? "";
		objects.push({ type: attributes.get("type") ?? "", attributes, nodeset });
		if (!tag.endsWith("/>")) around.push(nodeset);
	}
	const of = (type: string) => objects.filter((object) => object.type === type);
	return {
		cores: of("Core").length,
		cpus: of("PU").length,
		numa: of("NUMANode")
			.map(({ attributes }) => ({
				id: Number(attributes.get("os_index")),
				cpus: membersOf(attributes.get("cpuset") ?? ""),
				memoryBytes: Number(attributes.get("local_memory")),
			}))
			.sort((left, right) => left.id - right.id),
		pciNodes: new Map(of("PCIDev").map((each) => [each.attributes.get("pci_busid") ?? "", membersOf(each.nodeset)])),
		pciSpeeds: new Map(
			of("PCIDev").map(({ attributes }) => [
				attributes.get("pci_busid") ?? "",
				Number(attributes.get("pci_link_speed")),
			]),
		),
	};
}

/** Bits of `0x000000ff,0xffffffff`: the last word is the lowest. */
function membersOf(set: string): readonly number[] {
	const bits = BigInt(`0x${set.replaceAll(/0x([0-9a-f]+),?/g, (_, word: string) => word.padStart(8, "0"))}`);
	const members: number[] = [];
	for (let bit = 0; bits >> BigInt(bit) > 0n; bit++) if ((bits >> BigInt(bit)) & 1n) members.push(bit);
	return members;
}
