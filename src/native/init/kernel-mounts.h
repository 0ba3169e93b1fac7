/* /proc, /sys, /dev and what the launch file hides of them. */
#ifndef SW_KERNEL_MOUNTS_H
#define SW_KERNEL_MOUNTS_H

#include "../common/launch.h"
#include "../common/userns.h"

/* The container directory's dev and shm (monitor/device-directory.h), taken before the pivot. */
struct device_trees {
	int dev, shm;
	/* /proc and /sys for a mount namespace that is a user namespace's: there they could not be made where the host's are covered in part.
	 * Else -1: they are made in their places. */
	int proc, sys;
};

int device_trees_take(const char *directory, const struct sw_userns *userns, struct device_trees *trees,
		      struct sw_error *error);

/* In the container's root. Closes the trees. */
int kernel_mounts_make(struct device_trees *trees, const struct sw_security *security, const struct sw_userns *userns,
		       struct sw_error *error);

#endif
