/* The `launch` file: decoder of what launch.ts encodes. Trusts nothing: sizes, keys, forms are checked. */
#ifndef SW_LAUNCH_H
#define SW_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define SW_LAUNCH_BYTES_MAX (1024 * 1024)
#define SW_LAUNCH_ENTRIES_MAX 8192
#define SW_LAUNCH_DEVICES_MAX 64
#define SW_LAUNCH_VOLUMES_MAX 64

/* Room for a block of output in each of a stream's files. */
#define SW_LOG_BYTES_MIN (1024 * 1024)
#define SW_LOG_BYTES_DEFAULT (64 * 1024 * 1024)

/* Always followed by a NULL item. */
struct sw_strings {
	const char **items;
	size_t count;
};

struct sw_bind {
	bool read_only;
	const char *source, *target;
};

/* What a spec's volumes are here (launch-volumes.c). */
struct sw_volume {
	enum sw_volume_kind { SW_VOLUME_NAMED, SW_VOLUME_HOST_PATH, SW_VOLUME_TMPFS } kind;
	bool read_only;
	const char *source; /* of a named one its directory, which holds `data` once it was used; NULL: a tmpfs */
	const char *target;
	uint64_t bytes; /* of a tmpfs */
};

struct sw_file {
	const char *path, *content;
};

struct sw_rlimit {
	int resource;
	uint64_t soft, hard; /* UINT64_MAX: unlimited */
};

/* Bit n is capability n (linux/capability.h). */
struct sw_capabilities {
	uint64_t bounding, permitted, effective, inheritable, ambient;
};

struct sw_sysctl {
	const char *name, *value; /* name relative to /proc/sys */
};

struct sw_device {
	const char *path; /* below /dev */
	bool is_block;
	uint32_t major, minor;
	bool read, write, make;
};

/* What the container may do (launch-security.c). */
struct sw_security {
	bool has_capabilities, has_seccomp, read_only_root, has_oom_score_adj;
	struct sw_capabilities capabilities;
	int oom_score_adj;
	uint32_t userns_base; /* ids 0 to 65535 inside are these outside (userns.h); 0: no user namespace */
	const char *seccomp; /* file of the program (seccomp.h); NULL: every call is allowed */
	struct sw_strings masked, read_only;
	struct sw_sysctl *sysctls;
	size_t sysctl_count;
	bool every_device;
	struct sw_device *devices; /* beside those that every container has */
	size_t device_count;
};

/* Strings point into `bytes`. */
struct sw_launch {
	char *bytes;
	uint64_t epoch;
	uint64_t log_bytes; /* of all log files together */
	bool terminal; /* output and input are a terminal */
	bool guarded;  /* runs only under a lease (monitor/guard.h) */
	bool input;    /* standard input is the monitor's; else /dev/null */
	bool passing; /* for a caller that waits: starts as soon as it is made, and nothing need survive a power cut */
	bool network_later; /* its network namespace gets a link from the daemon before anything is built in it */
	bool when_told; /* passing, but it is made ahead of its caller: starts when it is told to */
	const char *container, *hostname, *workdir, *user, *cgroup2;
	const char *netns; /* NULL: a new one with loopback only */
	struct sw_strings args, env, lower, host, cgroup1;
	struct sw_bind *binds;
	size_t bind_count;
	struct sw_volume *volumes; /* in the order of mounting */
	size_t volume_count;
	struct sw_file *files;
	size_t file_count;
	struct sw_rlimit *rlimits;
	size_t rlimit_count;
	struct sw_security security;
};

/* Takes `bytes` (malloc'd, writable, a NUL at bytes[size]) also when it fails. */
int sw_launch_decode(char *bytes, size_t size, struct sw_launch *launch, struct sw_error *error);
int sw_launch_read(int descriptor, struct sw_launch *launch, struct sw_error *error);
void sw_launch_free(struct sw_launch *launch);

/* For the decoder's parts: room for one more item of `size` bytes (and a NULL behind it); an item of such a list; a single value.
 * -ENOMEM, -EEXIST when the value is there already. */
int sw_launch_grow(void *array, size_t count, size_t size);
int sw_launch_add(struct sw_strings *list, const char *value);
/* An entry of the volumes, or -ENOENT for another key. */
int sw_launch_take_volume(struct sw_launch *launch, const char *key, char *value);
/* One entry of the security part, or -ENOENT for another key. */
int sw_launch_take_security(struct sw_security *security, const char *key, char *value);

#endif
