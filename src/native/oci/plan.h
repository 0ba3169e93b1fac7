/* The `plan` of an OCI container or of one more process in it: decoder of what src/oci/plan.ts encodes. Like the launch file a
 * list of `key=value` strings, each ended by NUL; parts of a value are separated by line feeds. Trusts nothing. */
#ifndef SW_OCI_PLAN_H
#define SW_OCI_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../common/launch.h"

#define PLAN_BYTES_MAX (4 * 1024 * 1024)
#define PLAN_ENTRIES_MAX 32768

/* config.md#linux-namespaces; `path` NULL: a new one. */
struct plan_namespace {
	uint64_t flag;
	const char *path;
};

enum plan_mount_kind {
	PLAN_MOUNT_TREE, /* bind */
	PLAN_MOUNT_FILE_SYSTEM,
	PLAN_MOUNT_LINK,    /* symbolic link: source is its text */
	PLAN_MOUNT_CHANGE,  /* attributes of what is mounted at the target */
};

enum plan_idmap {
	PLAN_IDMAP_NONE,
	PLAN_IDMAP_ONE,
	PLAN_IDMAP_BELOW, /* what is mounted below too */
};

/* In the order of the configuration. Attributes are those of mount_setattr(2). */
struct plan_mount {
	enum plan_mount_kind kind;
	bool recursive; /* a bind takes what is mounted below the source too */
	const char *type, *source, *target;
	uint64_t set, clear, set_below, clear_below, propagation, propagation_below;
	uint64_t copy_up; /* tmpfs: takes what the image has at the target */
	enum plan_idmap idmap;
	struct sw_strings uid_maps, gid_maps;
	int tree; /* made outside (idmap.c); -1: not */
	struct sw_strings options; /* `key=value` or a flag, for fsconfig(2) */
};

struct plan_device {
	const char *path;
	mode_t mode; /* with the file type */
	unsigned major, minor;
	uid_t uid;
	gid_t gid;
};

/* The last rule that fits decides. type and number UINT32_MAX: any. */
struct plan_device_rule {
	bool allow;
	uint32_t type, major, minor, access; /* BPF_DEVCG_* */
};

enum plan_hook_kind {
	PLAN_PRESTART,
	PLAN_CREATE_RUNTIME,
	PLAN_CREATE_CONTAINER,
	PLAN_START_CONTAINER,
	PLAN_POSTSTART,
	PLAN_POSTSTOP,
	PLAN_HOOK_KINDS,
};

struct plan_hook {
	enum plan_hook_kind kind;
	const char *path;
	uint64_t timeout_s; /* 0: none */
	struct sw_strings args, env;
};

struct plan_capabilities {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct plan_pair {
	const char *key, *value;
};

/* config.md#process */
struct plan_process {
	struct sw_strings args, env;
	const char *cwd;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t group_count;
	bool has_umask, terminal, no_new_privs, has_capabilities, has_oom_score_adj, has_personality, has_io_priority;
	mode_t umask;
	unsigned short rows, columns;
	struct plan_capabilities capabilities;
	struct sw_rlimit *rlimits;
	size_t rlimit_count;
	int oom_score_adj;
	uint64_t personality, io_priority;
	unsigned preserved; /* descriptors from 3 on that the process keeps */
	const char *console_socket;
	const char *seccomp; /* file of the program (common/seccomp.h), or NULL */
	bool keeps_keyring;
};

/* Strings point into `bytes`. */
struct plan {
	char *bytes;
	struct plan_process process;
	const char *rootfs, *hostname, *domainname, *cgroup2, *state;
	const char *pid_file; /* of the caller (--pid-file), or NULL */
	bool read_only, no_pivot, sets_up_devices;
	uint64_t root_propagation;
	struct plan_namespace *namespaces;
	size_t namespace_count;
	struct sw_strings uid_maps, gid_maps, clock_offsets, cgroup1, masked, read_only_paths;
	struct plan_mount *mounts;
	size_t mount_count;
	struct plan_device *devices;
	size_t device_count;
	struct plan_device_rule *device_rules;
	size_t device_rule_count;
	struct plan_pair *sysctls;
	size_t sysctl_count;
	struct plan_hook *hooks;
	size_t hook_count;
};

/* Takes `bytes` (malloc'd, writable, a NUL at bytes[size]) also when it fails. */
int plan_decode(char *bytes, size_t size, struct plan *plan, struct sw_error *error);
int plan_read(int directory, const char *name, struct plan *plan, struct sw_error *error);
void plan_free(struct plan *plan);

/* NULL when the configuration does not name it: shared with the caller. */
const struct plan_namespace *plan_namespace(const struct plan *plan, uint64_t flag);

#endif
