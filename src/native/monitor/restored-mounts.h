/* What criu finds mounted when it restores a container: the root overlay, and what it binds into it. */
#ifndef SW_RESTORED_MOUNTS_H
#define SW_RESTORED_MOUNTS_H

#include "../common/launch.h"

/* With a user namespace the copy's own root mounts them, who cannot reach the state directory: everything that it will see is mounted below
 * this directory then, with its ids mapped. `root`, `dev`, `shm`, and below `host` paths of the node under their own names
 * (runtime/checkpoint/criu-command.ts). */
#define SW_RESTORED_MOUNTS "/run/stratoswarm"

/* In a mount namespace of the caller's own. */
int restored_mounts_make(const struct sw_launch *launch, const char *directory, struct sw_error *error);

#endif
