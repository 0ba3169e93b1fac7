// Which capabilities a workload has: the usual list, with what its spec adds and drops. Pure.

import type { CapabilityChoice } from "../../model.js";
import { type CapabilityName, type CapabilitySets, capabilityNames, capabilityOf } from "../../native/capabilities.js";

/** Docker's default list (moby, oci/caps/defaults.go). */
export const standardCapabilities: readonly CapabilityName[] = [
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_RAW",
	"CAP_SYS_CHROOT",
	"CAP_MKNOD",
	"CAP_AUDIT_WRITE",
	"CAP_SETFCAP",
];

/** Becoming another user, signalling what that one runs, and low ports. */
export const strictCapabilities: readonly CapabilityName[] = [
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_NET_BIND_SERVICE",
];

/** Names that are none are left out: the door for specs refuses them. */
export function capabilitySetsOf(usual: readonly CapabilityName[], choice: CapabilityChoice): CapabilitySets {
	const ambientWished = namesOf(choice.ambient);
	const dropped = new Set(namesOf(choice.drop));
	const wished = new Set([...usual, ...namesOf(choice.add), ...ambientWished]);
	const kept = capabilityNames.filter((name) => wished.has(name) && !dropped.has(name));
	const ambient = kept.filter((name) => ambientWished.includes(name));
	return { bounding: kept, permitted: kept, effective: kept, inheritable: ambient, ambient };
}

function namesOf(texts: readonly string[]): readonly CapabilityName[] {
	if (texts.includes("ALL")) return capabilityNames;
	return texts.map(capabilityOf).filter((name) => name !== null);
}
