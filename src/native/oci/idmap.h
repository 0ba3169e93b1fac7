/* config.md#posix-platform-mounts `uidMappings`, `gidMappings`: bind mounts that show their files as other users' (mount_setattr(2),
 * MOUNT_ATTR_IDMAP: Linux 5.12). */
#ifndef SW_OCI_IDMAP_H
#define SW_OCI_IDMAP_H

#include "plan.h"

/* Outside, where we may do so: makes the trees of those mounts and keeps them in the plan for the container's first process. */
int idmap_take(const struct plan *plan, struct sw_error *error);

/* Writes uid_map and gid_map of a process that is alone in a new user namespace. */
int idmap_write(pid_t pid, const struct sw_strings *uid_maps, const struct sw_strings *gid_maps, struct sw_error *error);

#endif
