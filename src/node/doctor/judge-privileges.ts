// Who runs this, and what may they do: root, capabilities. Pure.

import type { MachineFacts } from "./facts.js";
import type { DoctorFinding } from "./report.js";

interface Capability {
	/** As capabilities(7) spells it, without CAP_, in lower case. */
	readonly name: string;
	readonly bit: number;
	/** What does not work without it; null: nothing of ours works. */
	readonly without: string | null;
}

// Bits: include/uapi/linux/capability.h.
const capabilities: readonly Capability[] = [
	{ name: "chown", bit: 0, without: "images keep their owners wrong" },
	{ name: "dac_override", bit: 1, without: null },
	{ name: "dac_read_search", bit: 2, without: null },
	{ name: "fowner", bit: 3, without: "images keep their modes wrong" },
	{ name: "fsetid", bit: 4, without: "set-id programs of images lose their bit" },
	{ name: "kill", bit: 5, without: "containers of other users cannot be stopped" },
	{ name: "setgid", bit: 6, without: null },
	{ name: "setuid", bit: 7, without: null },
	{ name: "setpcap", bit: 8, without: null },
	{ name: "net_bind_service", bit: 10, without: "containers cannot listen below port 1024" },
	{ name: "net_admin", bit: 12, without: "containers have no network" },
	{ name: "net_raw", bit: 13, without: "containers cannot ping" },
	{ name: "sys_chroot", bit: 18, without: null },
	{ name: "sys_ptrace", bit: 19, without: "containers cannot be checkpointed" },
	{ name: "sys_admin", bit: 21, without: null },
	{
		name: "sys_resource",
		bit: 24,
		without:
			"hard limits cannot be raised, containers of other users cannot be checkpointed outside a user namespace, pressure alarms have 2 s steps",
	},
	{ name: "mknod", bit: 27, without: "devices of images and /dev cannot be made" },
	{ name: "setfcap", bit: 31, without: "images lose their file capabilities" },
];

export function judgePrivileges(facts: MachineFacts): readonly DoctorFinding[] {
	const lacking = capabilities.filter((capability) => (facts.capabilities & (1n << BigInt(capability.bit))) === 0n);
	return [judgeRoot(facts.uid), ...(facts.uid === 0 ? judgeCapabilities(lacking) : [])];
}

function judgeRoot(uid: number): DoctorFinding {
	const found = uid === 0 ? "root" : `user id ${uid}`;
	const fix = uid === 0 ? null : "sudo swarm doctor";
	return { name: "root", status: uid === 0 ? "ok" : "missing", found, wanted: "root", fix };
}

/** One line when all are there, else one for each that is not: that of root in a machine that is itself confined. */
function judgeCapabilities(lacking: readonly Capability[]): readonly DoctorFinding[] {
	const fix =
		"start this machine or container with the capability (docker run --cap-add, systemd CapabilityBoundingSet)";
	if (lacking.length === 0) {
		const found = `all ${capabilities.length} that are needed`;
		return [{ name: "capabilities", status: "ok", found, wanted: "the usual ones of root", fix: null }];
	}
	return lacking.map(({ name, without }) => ({
		name: `capability.${name}`,
		status: without === null ? "missing" : "limited",
		found: without === null ? "absent: nothing can be run" : `absent: ${without}`,
		wanted: `CAP_${name.toUpperCase()}`,
		fix,
	}));
}
