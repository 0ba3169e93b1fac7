// config.md#mounts and the kernel's own ideas of cgroup mounts, as entries of the plan. Pure.

import { join, normalize } from "node:path";
import type { CgroupTrees, ContainerCgroups } from "../cgroup-trees.js";
import { nameOfTree } from "../cgroup-trees.js";
import { at, type Field, filledText, list, optional, path, refuseField, refuseUnsupported, text } from "./fields.js";
import { decodeMountOptions, type MountOptions } from "./mount-options.js";
import { mapping } from "./namespaces.js";
import { type Entry, parts } from "./plan.js";

export interface Mount {
	/** Absolute, inside the container. */
	readonly target: string;
	/** `bind` or a file system type. */
	readonly type: string;
	readonly source: string;
	readonly options: MountOptions;
	/** Lines of a user namespace's maps; empty with `options.idmap`: those of the container. */
	readonly uidMappings: readonly string[];
	readonly gidMappings: readonly string[];
}

/** plan.h, enum plan_idmap */
const idmaps = { none: 0, single: 1, recursive: 2 } as const;
/** plan.h, enum plan_mount_kind */
const kinds = { tree: 0, fileSystem: 1, link: 2, change: 3 } as const;

export function decodeMounts(field: Field): readonly Mount[] {
	return optional(field, (mounts) => list(mounts, decodeMount), []);
}

function decodeMount(field: Field): Mount {
	const target = normalize(`/${path(at(field, "destination"))}`);
	const words = optional(at(field, "options"), (options) => list(options, text), []);
	const options = decodeMountOptions(words);
	const [uidMappings, gidMappings] = (["uidMappings", "gidMappings"] as const).map((name) =>
		optional(at(field, name), (lines) => list(lines, mapping), []),
	) as [readonly string[], readonly string[]];
	if (uidMappings.length > 0 !== gidMappings.length > 0) refuseField(at(field, "gidMappings"), "both mappings or none");
	if (words.some((word) => /[\n\0]/.test(word))) refuseField(at(field, "options"), "options without line feeds");
	const named = optional(at(field, "type"), text, "");
	const isBind = options.bind !== null || named === "bind";
	if (!isBind && !options.remount) filledText(at(field, "type"));
	const source = optional(at(field, "source"), text, "");
	if (isBind) path(at(field, "source"));
	if (`${named}${source}`.includes("\n")) refuseField(field, "a type and a source without line feeds");
	const idmap = options.idmap ?? (uidMappings.length > 0 ? "single" : null);
	if (idmap !== null && !isBind) refuseUnsupported(field, "only bind mounts can be id-mapped here");
	const place = target.replace(/(.)\/$/, "$1");
	return {
		target: place,
		type: isBind ? "bind" : named,
		source,
		options: { ...options, idmap },
		uidMappings,
		gidMappings,
	};
}

export interface MountPlace {
	readonly bundle: string;
	readonly trees: CgroupTrees;
	readonly cgroups: ContainerCgroups;
	readonly hasCgroupNamespace: boolean;
	/** Of its new user namespace; empty without one. */
	readonly uidMappings: readonly string[];
	readonly gidMappings: readonly string[];
}

export function mountEntries(mounts: readonly Mount[], place: MountPlace): readonly Entry[] {
	return mounts.flatMap((mount) => (mount.type === "cgroup" ? cgroupEntries(mount, place) : oneMount(mount, place)));
}

function oneMount(mount: Mount, place: MountPlace): readonly Entry[] {
	const { target, type, source, options } = mount;
	if (options.remount) return [entry(kinds.change, { type: "", source: "", target, options })];
	if (type === "bind") {
		const from = source.startsWith("/") ? source : join(place.bundle, source);
		return [entry(kinds.tree, { type, source: from, target, options }), ...idmapEntries(mount, place)];
	}
	return fileSystem({ type, source: source === "" ? type : source, target, options });
}

/** config.md: without mappings of its own the mount has those of the container. */
function idmapEntries({ target, options, uidMappings, gidMappings }: Mount, place: MountPlace): readonly Entry[] {
	if (options.idmap === null) return [];
	const [uids, gids] = uidMappings.length > 0 ? [uidMappings, gidMappings] : [place.uidMappings, place.gidMappings];
	if (uids.length === 0)
		refuseField({ path: `mounts: ${target}`, value: "idmap" }, "mappings, its own or those of a new user namespace");
	return [...uids.map((line): Entry => ["mount-uid-map", line]), ...gids.map((line): Entry => ["mount-gid-map", line])];
}

type Shown = Pick<Mount, "type" | "source" | "target" | "options">;

function fileSystem(mount: Shown): readonly Entry[] {
	return [
		entry(kinds.fileSystem, mount),
		// Also in one option, as fstab has them: `size=64k,mode=755`.
		...mount.options.data.flatMap((option) => option.split(",")).map((option): Entry => ["mount-option", option]),
	];
}

/**
 * config-linux.md has no word on it; as runc and crun do: on a pure v2 machine the v2 tree, on a hybrid one a directory with every tree
 * in it. With a cgroup namespace they are mounted anew and begin at the container's own cgroup, without one that is bound.
 */
function cgroupEntries(mount: Mount, { trees, cgroups, hasCgroupNamespace }: MountPlace): readonly Entry[] {
	const { target } = mount;
	const options = { ...mount.options, idmap: null, data: [] as readonly string[] };
	const unified = (at: string): readonly Entry[] =>
		hasCgroupNamespace
			? fileSystem({ type: "cgroup2", source: "cgroup2", target: at, options })
			: [entry(kinds.tree, { type: "bind", source: cgroups.unified, target: at, options })];
	if (trees.legacy.length === 0) return unified(target);
	const writable = { ...options, set: 0, clear: 0 };
	const legacy = trees.legacy.flatMap((tree, index): readonly Entry[] => {
		const own = join(target, nameOfTree(tree));
		const links = tree.controllers
			.filter((name) => !name.includes("=") && name !== nameOfTree(tree))
			.map((name) => entry(kinds.link, { type: "", source: nameOfTree(tree), target: join(target, name), options }));
		const shown = hasCgroupNamespace
			? fileSystem({ type: "cgroup", source: "cgroup", target: own, options: { ...options, data: tree.controllers } })
			: [entry(kinds.tree, { type: "bind", source: cgroups.legacy[index]?.path ?? "", target: own, options })];
		return [...shown, ...(tree.controllers.length > 1 ? links : [])];
	});
	return [
		...fileSystem({ type: "tmpfs", source: "tmpfs", target, options: { ...writable, data: ["mode=755"] } }),
		...legacy,
		...unified(join(target, "unified")),
		entry(kinds.change, { type: "", source: "", target, options }),
	];
}

function entry(kind: number, { type, source, target, options }: Shown): Entry {
	const { set, clear, setBelow, clearBelow, propagation, propagationBelow } = options;
	const recursive = Number(options.bind === "recursive");
	const attributes = [
		set,
		clear,
		setBelow,
		clearBelow,
		propagation,
		propagationBelow,
		Number(options.copyUp),
		idmaps[options.idmap ?? "none"],
	];
	return ["mount", parts(kind, type, source, target, recursive, ...attributes)];
}
