// What of /proc and /sys a container may not see, and what it may not change (OCI runtime spec, config-linux.md, "Masked Paths"
// and "Readonly Paths").

/** Docker's values (moby, oci/defaults.go). */
export const standardMaskedPaths: readonly string[] = [
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/proc/sched_debug",
	"/proc/interrupts",
	"/proc/acpi",
	"/proc/asound",
	"/proc/scsi",
	"/sys/firmware",
	"/sys/devices/virtual/powercap",
];

export const standardReadOnlyPaths: readonly string[] = [
	"/proc/bus",
	"/proc/fs",
	"/proc/irq",
	"/proc/sys",
	"/proc/sysrq-trigger",
];
