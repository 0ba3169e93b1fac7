/* Joining cgroups from inside: facts: a write by the process itself takes 0.1 ms, one by its parent waits 8 ms for RCU. */
#ifndef SW_CGROUP_H
#define SW_CGROUP_H

#include <sys/types.h>

#include "launch.h"

#define SW_CGROUP1_MAX 16

/* Descriptors of the `tasks` files of all v1 cgroups, for a process that will not see the paths any more. */
struct sw_cgroup1 {
	int tasks[SW_CGROUP1_MAX];
	size_t count;
};

int sw_cgroup1_open(const struct sw_launch *launch, struct sw_cgroup1 *cgroups, struct sw_error *error);
/* Moves the calling (single-threaded) process into all of them and closes the descriptors. */
int sw_cgroup1_join(struct sw_cgroup1 *cgroups, struct sw_error *error);

/* Descriptor of the v2 directory, for CLONE_INTO_CGROUP. */
int sw_cgroup2_open(const char *path, struct sw_error *error);
/* -EBUSY while processes are in it or below: a second copy of a container must not start beside them. */
int sw_cgroup2_check_empty(int cgroup2, struct sw_error *error);

/* -ESRCH unless the process is in it: a pid may have been given to another process since the caller read it. */
int sw_cgroup2_check_member(int cgroup2, pid_t pid, struct sw_error *error);

#endif
