/* The system-call filter of a container: a classic BPF program that the daemon compiled (runtime/seccomp), read from a file. */
#ifndef SW_SECCOMP_H
#define SW_SECCOMP_H

#include <linux/filter.h>
#include <stddef.h>

#include "error.h"

struct sw_seccomp {
	struct sock_filter *code; /* malloc'd; NULL: every call is allowed */
	size_t count;
};

/* `path` NULL: none. While the name still means the host's file. */
int sw_seccomp_read(const char *path, struct sw_seccomp *program, struct sw_error *error);

/* Needs no_new_privs or CAP_SYS_ADMIN. */
int sw_seccomp_load(const struct sw_seccomp *program, struct sw_error *error);

#endif
