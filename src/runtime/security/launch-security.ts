// From what a spec says about security to what monitor and init are told. Pure.

import type { Security } from "../../model.js";
import type { LaunchSecurity } from "../../native/launch.js";
import { capabilitySetsOf, standardCapabilities } from "./capabilities.js";
import { standardMaskedPaths, standardReadOnlyPaths } from "./paths.js";
import { sysctlPath } from "./sysctls.js";

export function launchSecurityOf(security: Security): LaunchSecurity {
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
	};
}
