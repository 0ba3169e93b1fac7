// What each level of isolation gives a workload whose spec says nothing else. Pure data: what the launch file carries follows from
// it in launch-security.ts.

import type { Isolation, SeccompProfile } from "../../model.js";
import { type CapabilityName, capabilityNames } from "../../native/capabilities.js";
import { standardProfile, strictProfile } from "../seccomp/profiles.js";
import { standardCapabilities, strictCapabilities } from "./capabilities.js";
import { standardMaskedPaths, standardReadOnlyPaths, strictMaskedPaths } from "./paths.js";

export interface Level {
	readonly capabilities: readonly CapabilityName[];
	readonly readOnlyRoot: boolean;
	/** null: every system call. */
	readonly seccomp: SeccompProfile | null;
	readonly maskedPaths: readonly string[];
	readonly readOnlyPaths: readonly string[];
	/** Every device of the node; else only those that every container has, and what the spec names. */
	readonly everyDevice: boolean;
	/** Where the node's own file system is shown, writable; null: nowhere. */
	readonly hostFilesAt: string | null;
}

export const levels: Readonly<Record<Isolation, Level>> = {
	minimal: {
		capabilities: capabilityNames,
		readOnlyRoot: false,
		seccomp: null,
		maskedPaths: [],
		readOnlyPaths: [],
		everyDevice: true,
		hostFilesAt: "/host",
	},
	standard: {
		capabilities: standardCapabilities,
		readOnlyRoot: false,
		seccomp: standardProfile,
		maskedPaths: standardMaskedPaths,
		readOnlyPaths: standardReadOnlyPaths,
		everyDevice: false,
		hostFilesAt: null,
	},
	strict: {
		capabilities: strictCapabilities,
		readOnlyRoot: true,
		seccomp: strictProfile,
		maskedPaths: strictMaskedPaths,
		readOnlyPaths: standardReadOnlyPaths,
		everyDevice: false,
		hostFilesAt: null,
	},
};
