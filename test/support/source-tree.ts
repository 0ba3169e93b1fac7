// Reads this repository as text for the tidy test: which files are in version control, what each imports.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";

export const root = path.resolve(import.meta.dirname, "../..");

export interface SourceFile {
	/** Path from the repository's root. */
	readonly path: string;
	readonly text: string;
	/** As written: `../model.js`, `node:fs`, `libp2p`. */
	readonly imports: readonly string[];
}

const importPattern = /(?:\bfrom|\bimport|\bimport\()\s*"([^"]+)"/g;

/** Files that version control knows or would add, present ones only. */
export function repositoryFiles(): readonly string[] {
	const listed = execFileSync(
		"git",
		["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"],
		{
			cwd: root,
			encoding: "utf8",
		},
	);
	const deleted = execFileSync("git", ["ls-files", "-z", "--deleted"], { cwd: root, encoding: "utf8" }).split("\0");
	return listed.split("\0").filter((file) => file !== "" && !deleted.includes(file));
}

export function readSource(file: string): SourceFile {
	const text = readFileSync(path.join(root, file), "utf8");
	const imports = [...text.matchAll(importPattern)].map((match) => match[1] ?? "");
	return { path: file, text, imports };
}

/** The source file that a relative import means, as a path from the root; null for a package. */
export function resolveImport(from: string, specifier: string): string | null {
	if (!specifier.startsWith(".")) return null;
	return path.join(path.dirname(from), specifier).replace(/\.js$/, ".ts");
}
