// Builds what runs: the C parts (make -C src/native) and the bundle of command line and daemon in dist/: ES modules for
// Node 22, shared code in chunks, one file per command so that a command loads only what it needs. Also writes
// oclif.manifest.json, so that no directory is searched when a command is typed. `--bundle` and `--native` build one half. Never type checks (npm run check).

import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const dist = path.join(root, "dist");
const fresh = path.join(root, `dist.${process.pid}`);

/** Stay in node_modules: native binaries, and what is only needed by features we do not bundle. */
const external = ["koffi", "msgpackr-extract", "*.node"];

/** CommonJS packages inside an ES module bundle still call require, __filename and __dirname. */
const banner = [
	'import { createRequire as swarmCreateRequire } from "node:module";',
	'import { fileURLToPath as swarmFileUrl } from "node:url";',
	'import { dirname as swarmDirname } from "node:path";',
	"const require = swarmCreateRequire(import.meta.url);",
	"const __filename = swarmFileUrl(import.meta.url);",
	"const __dirname = swarmDirname(__filename);",
].join("\n");

/** Packages that oclif loads at start and, with a manifest at hand, hardly ever calls: evaluated at their first use. */
const lateNames = [
	"node:child_process",
	"node:perf_hooks",
	"ansis",
	"clean-stack",
	"cli-spinners",
	"debug",
	"ejs",
	"indent-string",
	"lilconfig",
	"minimatch",
	"semver",
	"string-width",
	"supports-color",
	"tinyglobby",
	"widest-line",
	"wrap-ansi",
];

/** oclif asks for loggers at start: without DEBUG in the environment they stay silent and nothing is loaded. */
const silentDebug = `
	const silent = Object.assign(() => {}, { enabled: false, namespace: "", extend: () => silent });
	const load = () => (process.env.DEBUG ? require("debug") : Object.assign(() => silent, { enabled: () => false }));`;

/**
 * Gives `late` packages as a function proxy, so that `late(…)`, `late.name` and `late.name(…)` load it when reached. It
 * denies being an ES module, so that TypeScript's `__importDefault` asks no further.
 */
const late = {
	name: "late",
	setup(build) {
		const filter = new RegExp(`^(${lateNames.join("|")})$`);
		build.onResolve({ filter }, (args) => {
			if (args.kind !== "require-call" || !args.importer.includes("@oclif/core/lib")) return null;
			return { path: args.path, namespace: "late", pluginData: { resolveDir: args.resolveDir } };
		});
		build.onLoad({ filter: /.*/, namespace: "late" }, (args) => ({
			resolveDir: args.pluginData.resolveDir,
			contents: `${args.path === "debug" ? silentDebug : `const load = () => require("${args.path}");`}
				const loaded = () => (load().__esModule ? load().default : load());
				module.exports = new Proxy(function () {}, {
					get: (_, key) => (key === "__esModule" ? false : loaded()[key]),
					apply: (_, self, given) => Reflect.apply(loaded(), self, given),
					construct: (_, given) => Reflect.construct(loaded(), given),
				});`,
		}));
	},
};

/**
 * oclif sorts its commands by localeCompare at every start. Under LANG=C the first such call builds a collator, which
 * takes longer than all the rest of a command (27 ms of 110): ids are plain ASCII, so they are compared as such.
 */
const plainOrder = {
	name: "plain-order",
	setup(build) {
		build.onLoad({ filter: /@oclif\/core\/lib\/config\/\w+\.js$/ }, async (args) => ({
			loader: "js",
			contents: (await readFile(args.path, "utf8")).replaceAll(
				/\b(\w+\.\w+)\.localeCompare\((\w+\.\w+)\)/g,
				"($1 < $2 ? -1 : Number($1 > $2))",
			),
		}));
	},
};

/** oclif asks at every start whether this is Linux under Windows, for 15 ms of imports; for us that is one Linux more. */
const noWindows = {
	name: "no-windows",
	setup(build) {
		build.onResolve({ filter: /^wsl-utils$/ }, (args) => ({ path: args.path, namespace: "no-windows" }));
		build.onLoad({ filter: /.*/, namespace: "no-windows" }, () => ({
			contents: "export const isWsl = false; export const powerShellPath = async () => 'powershell.exe';",
		}));
	},
};

/** Output name without `.js` → source. */
function entryPoints() {
	const fixed = ["src/cli/main.ts", "src/node/main.ts", "bench/main.ts", "scripts/demo.ts"];
	const found = globSync(["src/cli/commands/**/*.ts", "src/**/*.worker.ts"], { cwd: root }).sort();
	const present = fixed.filter((file) => existsSync(path.join(root, file)));
	return Object.fromEntries([...present, ...found].map((file) => [file.replace(/^src\//, "").slice(0, -3), file]));
}

/** src/native has the parts of the runtime, src/native/probe the program that doctor asks. */
function buildNative() {
	const parts = ["src/native", "src/native/probe"].filter((part) => existsSync(path.join(root, part, "Makefile")));
	return parts.every((part) => spawnSync("make", ["-s", "-C", part], { cwd: root, stdio: "inherit" }).status === 0);
}

async function bundle(entries) {
	await build({
		absWorkingDir: root,
		entryPoints: entries,
		outdir: fresh,
		bundle: true,
		splitting: true,
		chunkNames: "chunks/[hash]",
		format: "esm",
		platform: "node",
		target: "node22",
		external,
		banner: { js: banner },
		plugins: [late, plainOrder, noWindows],
		minify: true,
		keepNames: true,
		sourcemap: "linked",
		sourcesContent: false,
		logLevel: "warning",
		logOverride: { "require-resolve-not-external": "silent" },
	});
}

/** What oclif reads at start instead of searching directories and loading every command. Gives their number. */
async function writeManifest() {
	const target = path.join(root, "oclif.manifest.json");
	await rm(target, { force: true });
	if (!existsSync(path.join(dist, "cli/commands"))) return 0;
	const pjson = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
	const { Plugin } = createRequire(import.meta.url)("@oclif/core/config");
	const plugin = new Plugin({ root, isRoot: true, pjson, ignoreManifest: true, errorOnManifestCreate: true });
	await plugin.load();
	await writeFile(target, JSON.stringify(plugin.manifest));
	return Object.keys(plugin.manifest.commands).length;
}

/**
 * What bin/swarm and bin/swarm-oci run: a CommonJS file each. The former keeps the compiled code of the rest beside the bundle, a
 * quarter of its start.
 */
async function bundleLaunchers() {
	await build({
		absWorkingDir: root,
		entryPoints: { swarm: "src/cli/quick.ts", oci: "src/oci/entry.ts" },
		outdir: fresh,
		outExtension: { ".js": ".cjs" },
		bundle: true,
		format: "cjs",
		platform: "node",
		target: "node22",
		minify: true,
		keepNames: true,
		logLevel: "warning",
	});
}

/**
 * What `import { connect } from "stratoswarm"` gives: one file beside its types. yjs stays outside, so that a program's own yjs is the same
 * one: documents go to and fro.
 */
async function bundleLibrary() {
	await build({
		absWorkingDir: root,
		entryPoints: { "lib/index": "src/index.ts" },
		outdir: fresh,
		bundle: true,
		format: "esm",
		platform: "node",
		target: "node22",
		external: [...external, "yjs"],
		banner: { js: banner },
		keepNames: true,
		logLevel: "warning",
	});
	const tsc = path.join(root, "node_modules/.bin/tsc");
	const emitted = spawnSync(tsc, ["-p", "tsconfig.types.json", "--outDir", path.join(fresh, "lib/types")], {
		cwd: root,
		stdio: "inherit",
	});
	if (emitted.status !== 0) throw new Error("Cannot write the types of the library: tsc failed, see above");
}

/** A daemon may be running from dist/: the old one goes only when the new one is whole. */
async function replaceDist() {
	const old = path.join(root, `dist.old.${process.pid}`);
	if (existsSync(dist)) await rename(dist, old);
	await rename(fresh, dist);
	await rm(old, { recursive: true, force: true });
}

async function buildBundle() {
	const startedAtMs = performance.now();
	const entries = entryPoints();
	const count = Object.keys(entries).length;
	if (count === 0) return;
	try {
		await bundle(entries);
		await bundleLaunchers();
		await bundleLibrary();
		await replaceDist();
		const commands = await writeManifest();
		const tookMs = Math.round(performance.now() - startedAtMs);
		console.error(`bundled ${count} entry points, ${commands} of them commands, into dist/ in ${tookMs} ms`);
	} finally {
		await rm(fresh, { recursive: true, force: true });
	}
}

const only = process.argv[2] ?? null;
if (only !== "--bundle" && !buildNative()) {
	console.error("Cannot build the C parts: make -C src/native failed, see above");
	process.exit(1);
}
if (only !== "--native") await buildBundle();
