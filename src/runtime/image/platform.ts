// Which of an archive's manifests is meant for this machine. Pure; a refusal names what is there instead.

import { arch } from "node:os";
import { SwarmError } from "../../errors.js";
import type { Platform } from "./document.js";

/** Node's architecture names as Go, and so the image specification, spells them. */
const goNames: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386", loong64: "loong64", ppc64: "ppc64le" };

export function machinePlatform(): Platform {
	const name = arch();
	return { os: "linux", architecture: goNames[name] ?? name };
}

export function samePlatform(a: Platform, b: Platform): boolean {
	return a.os === b.os && a.architecture === b.architecture;
}

/** The items for `machine`. Code `unsupported`, naming every platform there is, when none is. */
export function forPlatform<T extends { readonly platform: Platform }>(
	items: readonly T[],
	machine: Platform,
): readonly T[] {
	const fitting = items.filter((item) => samePlatform(item.platform, machine));
	if (fitting.length > 0) return fitting;
	const names = new Set(items.map(({ platform }) => `${platform.os}/${platform.architecture}`));
	throw new SwarmError(
		"unsupported",
		`Cannot import the image: it is for ${[...names].join(", ") || "no platform"}, wanted ${machine.os}/${machine.architecture}`,
		{ details: { platforms: [...names] } },
	);
}
