// The house rules that a machine can check: which folder may import which, one door per library, names, sizes.

import path from "node:path";
import { expect, test } from "vitest";
import { readSource, repositoryFiles, resolveImport, type SourceFile } from "./support/source-tree.js";

/** Longest hand-written file, in lines. */
const linesMax = 500;
const baseFiles = ["src/model.ts", "src/errors.ts", "src/clock.ts", "src/log.ts", "src/gathered.ts"];
/** What model.ts is made of; nobody else imports them. */
const modelParts = [
	"src/model-admission.ts",
	"src/model-capabilities.ts",
	"src/model-ids.ts",
	"src/model-resources.ts",
	"src/model-security.ts",
	"src/model-volumes.ts",
];
/** The port to what the cluster knows: a move commits its hand-over through it. */
const statePort = "src/crdt/state.ts";
/** A folder imports itself, the base files and folders of a lower rank; folders of one rank do not know each other. */
const rankOf: Readonly<Record<string, number>> = {
	cli: 5,
	node: 4,
	migration: 3,
	scheduler: 3,
	crdt: 3,
	oci: 3,
	mesh: 2,
	runtime: 2,
	native: 1,
};
/** Packages that one folder alone may import. */
const doors: readonly { readonly packages: RegExp; readonly folder: string }[] = [
	{ packages: /^(libp2p|@libp2p\/.*|@multiformats\/.*)$/, folder: "mesh" },
	{ packages: /^koffi$/, folder: "native" },
	{ packages: /^(yjs|y-protocols.*|lib0.*)$/, folder: "crdt" },
	{ packages: /^@oclif\/.*$/, folder: "cli" },
];
const vagueNames = ["utils", "util", "helpers", "helper", "common", "manager", "misc"];

interface Lockfile {
	readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>>;
}

const tree = repositoryFiles();
const sources = tree.filter((file) => /^src\/.*\.ts$/.test(file)).map(readSource);

function folderOf(file: string): string | null {
	return file.split("/").length > 2 ? (file.split("/")[1] ?? null) : null;
}

function mayImport(from: string, to: string): boolean {
	if (modelParts.includes(to)) return from === "src/model.ts" || modelParts.includes(from);
	if (baseFiles.includes(from) || modelParts.includes(from)) return false;
	if (baseFiles.includes(to)) return true;
	const [importer, imported] = [folderOf(from), folderOf(to)];
	if (importer === imported) return true;
	if (imported === null) return false;
	if (importer === "migration" && to === statePort) return true;
	return (importer === null ? Number.POSITIVE_INFINITY : (rankOf[importer] ?? 0)) > (rankOf[imported] ?? 0);
}

function localImports(file: SourceFile): readonly string[] {
	return file.imports.map((specifier) => resolveImport(file.path, specifier)).filter((target) => target !== null);
}

/** The first circle found, as a path that ends where it began; null when there is none. */
function findCycle(files: readonly SourceFile[]): readonly string[] | null {
	const next = new Map(files.map((file) => [file.path, localImports(file)]));
	const done = new Set<string>();
	const walk = (file: string, trail: readonly string[]): readonly string[] | null => {
		if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
		if (done.has(file)) return null;
		for (const target of next.get(file) ?? []) {
			const cycle = walk(target, [...trail, file]);
			if (cycle !== null) return cycle;
		}
		done.add(file);
		return null;
	};
	for (const file of files) {
		const cycle = walk(file.path, []);
		if (cycle !== null) return cycle;
	}
	return null;
}

test("every folder of src has a rank", () => {
	const folders = new Set(sources.map((file) => folderOf(file.path)).filter((folder) => folder !== null));
	expect([...folders].filter((folder) => !(folder in rankOf))).toEqual([]);
});

test("imports point down: cli → node → migration | scheduler | crdt → mesh | runtime → native", () => {
	const wrong = sources.flatMap((file) =>
		localImports(file)
			.filter((target) => !mayImport(file.path, target))
			.map((target) => `${file.path} imports ${target}`),
	);
	expect(wrong).toEqual([]);
});

test("no file imports itself round a corner", () => {
	expect(findCycle(sources)).toBeNull();
});

test("libp2p, koffi, yjs and oclif have one door each", () => {
	const wrong = sources.flatMap((file) =>
		doors
			.filter((door) => folderOf(file.path) !== door.folder && file.imports.some((name) => door.packages.test(name)))
			.map((door) => `${file.path} imports what only src/${door.folder} may`),
	);
	expect(wrong).toEqual([]);
});

test("files are named in kebab-case, for their subject", () => {
	const named = tree.filter((file) => /^(src|test|bench|scripts)\/.*\.(ts|mjs|sh|c|h)$/.test(file));
	const wrong = named.filter((file) => {
		const stem = (path.basename(file).split(".")[0] ?? "").toLowerCase();
		return !/^[a-z0-9]+([-.][a-z0-9]+)*$/.test(path.basename(file)) || vagueNames.includes(stem);
	});
	expect(wrong).toEqual([]);
});

test(`no file has more than ${linesMax} lines`, () => {
	const written = tree.filter((file) => /\.(ts|mjs|sh|c|h)$/.test(file) || file.startsWith("bin/"));
	const long = written.map(readSource).filter((file) => file.text.split("\n").length - 1 > linesMax);
	expect(long.map((file) => file.path)).toEqual([]);
});

test("the tree stands alone: nothing refers to a folder beside it", () => {
	const outside = ["..", "shared"].join("/");
	const text = tree.filter((file) => !file.startsWith("test/data/") && file !== "package-lock.json").map(readSource);
	expect(text.filter((file) => file.text.includes(outside)).map((file) => file.path)).toEqual([]);
});

test("the lockfile names every optional package, also those of other platforms: npm ci refuses one that does not", () => {
	const { packages } = JSON.parse(readSource("package-lock.json").text) as Lockfile;
	const missing = Object.entries(packages).flatMap(([owner, entry]) =>
		Object.keys(entry.optionalDependencies ?? {}).filter(
			(name) => !(`node_modules/${name}` in packages) && !(`${owner}/node_modules/${name}` in packages),
		),
	);
	expect(missing).toEqual([]);
});
