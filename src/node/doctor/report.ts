// What `swarm doctor` answers.

export interface DoctorFinding {
	/** Stable, for scripts: `cgroup.freeze`, `capability.sys_resource`, `criu`. */
	readonly name: string;
	/** `limited`: it works with less, `found` says with what. */
	readonly status: "ok" | "missing" | "limited";
	readonly found: string;
	readonly wanted: string;
	/** One command or step that helps; null when it is fine or nothing on this machine can help. */
	readonly fix: string | null;
}

/** In the order in which a person should read it. */
export type DoctorReport = readonly DoctorFinding[];
