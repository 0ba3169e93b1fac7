// How large a spec and its parts may be. Every number here is checked at the one door, validate-spec.ts.

/** A spec travels in frames and documents: its JSON may not be larger. */
export const SPEC_BYTES_MAX = 64 * 1024;
export const COMMAND_ARGUMENTS_MAX = 512;
export const ENV_ENTRIES_MAX = 512;
export const LABELS_MAX = 64;
export const LABEL_VALUE_CHARACTERS_MAX = 255;
export const CONSTRAINTS_MAX = 64;
export const PORTS_MAX = 64;
export const REPLICAS_MAX = 1000;
export const POOL_MAX = 64;
export const CPUS_MIN = 0.01;
export const CPUS_MAX = 4096;
export const MEMORY_BYTES_MIN = 1024 * 1024;
export const PIDS_MAX = 4_194_304;
/** Bytes a second of a container's network. */
export const RATE_MIN = 8 * 1024;
export const CPU_WEIGHT_MAX = 10_000;
export const CPU_LIST_CHARACTERS_MAX = 1024;
export const IO_LIMITS_MAX = 16;
export const HUGEPAGE_LIMITS_MAX = 8;
export const STOP_GRACE_MS_DEFAULT = 10_000;
export const STOP_GRACE_MS_MAX = 3_600_000;
export const LOG_BYTES_DEFAULT = 64 * 1024 ** 2;
/** A container must not fill a disk by what it prints. */
export const LOG_BYTES_MAX = 64 * 1024 ** 3;
export const RESTART_ATTEMPTS_MAX = 1_000_000;
export const DEVICES_MAX = 32;
export const SYSCTLS_MAX = 64;
export const SYSCTL_VALUE_CHARACTERS_MAX = 256;
export const VOLUMES_MAX = 32;
export const TMPFS_BYTES_DEFAULT = 64 * 1024 ** 2;
/** One page. */
export const TMPFS_BYTES_MIN = 4096;
