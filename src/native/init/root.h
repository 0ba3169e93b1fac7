/* The container's root: overlay, bind mounts, files, kernel file systems, pivot_root. */
#ifndef SW_ROOT_H
#define SW_ROOT_H

#include "../common/launch.h"
#include "../common/userns.h"

/* From inside the container's mount namespace, or, where a user namespace owns that, about to enter it; afterwards `/` and the working directory are the container's root and
 * nothing of the host's tree is reachable. The network namespace must be the container's already (sysfs shows it). */
int root_build(const struct sw_launch *launch, const char *directory, struct sw_userns *userns,
	       struct sw_error *error);

#endif
