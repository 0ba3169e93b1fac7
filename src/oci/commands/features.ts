// features.md: what this runtime can do, whatever the machine can.

import { capabilityNames } from "../../native/capabilities.js";
import { seccompActions, seccompOperators } from "../../runtime/seccomp/read-profile.js";
import { SPEC_VERSION, SPEC_VERSION_MIN } from "../config/container-plan.js";
import { hookKinds } from "../config/hooks.js";
import { mountOptionNames } from "../config/mount-options.js";
import { namespaceKinds } from "../config/namespaces.js";
import type { Command } from "./command.js";

export const features: Command = {
	summary: "print what this runtime can do as JSON",
	words: "",
	options: {},
	run(_, context) {
		const disabled = { enabled: false };
		const answer = {
			ociVersionMin: SPEC_VERSION_MIN,
			ociVersionMax: SPEC_VERSION,
			hooks: hookKinds,
			mountOptions: mountOptionNames,
			linux: {
				namespaces: namespaceKinds,
				capabilities: capabilityNames,
				cgroup: { v1: true, v2: true, systemd: false, systemdUser: false, rdma: true },
				seccomp: {
					enabled: true,
					actions: seccompActions,
					operators: seccompOperators,
					archs: ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
					knownFlags: ["SECCOMP_FILTER_FLAG_TSYNC"],
					supportedFlags: ["SECCOMP_FILTER_FLAG_TSYNC"],
				},
				apparmor: disabled,
				selinux: disabled,
				intelRdt: disabled,
				mountExtensions: { idmap: { enabled: true } },
			},
		};
		context.print(`${JSON.stringify(answer, null, 2)}\n`);
		return 0;
	},
};
