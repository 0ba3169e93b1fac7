/* The volumes of a container: taken of the host by descriptor before the pivot, shown after it at targets that are found inside the
 * container's root whatever links it or a neighbour has put there (openat2(2), RESOLVE_IN_ROOT). nosuid and nodev, all of them. */
#ifndef SW_VOLUMES_H
#define SW_VOLUMES_H

#include "../common/launch.h"
#include "../common/userns.h"

struct volume_trees {
	struct volume_tree *items;
	size_t count;
};

/* A named volume that was never used gets a new directory, `filling` beside the place of its `data`. */
int volumes_take(const struct sw_launch *launch, const struct sw_userns *userns, struct volume_trees *trees,
		 struct sw_error *error);

/* With the root pivoted, before the kernel's file systems: a link that leads to /proc must not hide it. Lets go of the trees. */
int volumes_show(const struct sw_launch *launch, struct volume_trees *trees, struct sw_error *error);

#endif
