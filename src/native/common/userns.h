/* A user namespace for a container: its ids 0 to 65535 are a range of the host's that nobody else has, so that its root is nobody
 * outside. Files keep the container's own ids on the disk: what it sees of them is mounted with its ids mapped
 * (mount_setattr(2), MOUNT_ATTR_IDMAP). */
#ifndef SW_USERNS_H
#define SW_USERNS_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

#define SW_USERNS_IDS 65536u

struct sw_userns {
	int fd; /* the namespace, or a pidfd of a process in it; -1: there is none */
	uint32_t base;
};

/* Makes one; `base` 0 gives none. The /proc of the host must be there, and this process be the host's root. */
int sw_userns_make(uint32_t base, struct sw_userns *userns, struct sw_error *error);

/* Maps the ids of a mount tree that is not attached yet. -EINVAL where a file system cannot. */
int sw_userns_map_tree(const struct sw_userns *userns, int tree, bool recursive, struct sw_error *error);

/* Files are made and looked at as the container's root from here on, with all capabilities of the host's. */
int sw_userns_assume(const struct sw_userns *userns, struct sw_error *error);

/* Enters it as its root, with all its capabilities and none of the host's. */
int sw_userns_enter(const struct sw_userns *userns, struct sw_error *error);

#endif
