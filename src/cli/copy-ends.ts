// The two ends of `swarm cp` as typed, and where on this machine a copy is to lie. Reads directories, writes nothing.

import { statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { SwarmError } from "../errors.js";

export type CopyEnd =
	| { readonly kind: "container"; readonly ref: string; readonly path: string }
	| { readonly kind: "local"; readonly path: string }
	/** Standard input or output, as a tar archive. */
	| { readonly kind: "stream" };

/** `web:/etc/hosts` is a container's; a local name with a colon needs `./` in front. */
export function copyEndOf(text: string): CopyEnd {
	if (text === "-") return { kind: "stream" };
	if (text === "") throw new SwarmError("usage", "Cannot copy: a path is empty, wanted NAME:PATH, a local path or -");
	const found = /^([a-z0-9][a-z0-9.-]*):(.*)$/s.exec(text);
	if (found === null) return { kind: "local", path: text };
	const path = found[2] ?? "";
	return { kind: "container", ref: found[1] ?? "", path: path.startsWith("/") ? path : `/${path}` };
}

/** Where the archive is unpacked, and what its first entry is called: as cp(1) would have it. */
export function localTarget(path: string, source: string): { readonly directory: string; readonly name: string } {
	// All that a directory holds goes under the directory's own new name, or into one that is there.
	const whole = contentOnly(source);
	if (isDirectory(path)) return { directory: resolve(path), name: whole ? "." : nameOf(source) };
	const full = resolve(path);
	if (path.endsWith("/") || !isDirectory(dirname(full)))
		throw new SwarmError("usage", `Cannot copy to ${path}: ${dirname(full)} is no directory, make it first`);
	return { directory: dirname(full), name: basename(full) };
}

/** What tar packs, and how it is to be unpacked. */
export function localSource(path: string): {
	readonly directory: string;
	readonly name: string;
	readonly how: "as" | "into";
} {
	const full = resolve(path);
	if (!exists(full)) throw new SwarmError("not-found", `Cannot copy ${path}: there is no such file`);
	if (contentOnly(path) || full === "/") return { directory: full, name: ".", how: "into" };
	return { directory: dirname(full), name: `./${basename(full)}`, how: "as" };
}

/** `dir/.`: what is in it, without the directory itself. */
function contentOnly(path: string): boolean {
	return path === "." || path.endsWith("/.");
}

function nameOf(path: string): string {
	return basename(join("/", path)) || "root";
}

function isDirectory(path: string): boolean {
	return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function exists(path: string): boolean {
	return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
