// From what a spec says about security to what monitor and init are told. Pure.

import type { SeccompProfile, Security } from "../../model.js";
import type { LaunchSecurity } from "../../native/launch.js";
import { standardProfile } from "../seccomp/profiles.js";
import { capabilitySetsOf, standardCapabilities } from "./capabilities.js";
import { standardMaskedPaths, standardReadOnlyPaths } from "./paths.js";
import { sysctlPath } from "./sysctls.js";

/** `programOf` gives the file of a compiled profile. */
export function launchSecurityOf(security: Security, programOf: (profile: SeccompProfile) => string): LaunchSecurity {
	const profile = seccompProfileOf(security);
	return {
		capabilities: capabilitySetsOf(standardCapabilities, security.capabilities),
		readOnlyRoot: security.readOnlyRoot,
		maskedPaths: standardMaskedPaths,
		readOnlyPaths: standardReadOnlyPaths,
		sysctls: Object.fromEntries(
			Object.entries(security.sysctls).flatMap(([name, value]) => {
				const path = sysctlPath(name);
				return path === null ? [] : [[path, value]];
			}),
		),
		oomScoreAdj: security.oomScoreAdj,
		seccompProgram: profile === null ? null : programOf(profile),
	};
}

/** null: unconfined. */
export function seccompProfileOf({ seccomp }: Security): SeccompProfile | null {
	if (seccomp === "unconfined") return null;
	return seccomp === "default" ? standardProfile : seccomp;
}
