/* The container's root file system: an overlay of the launch file's lower directories and the directory's upper. */
#ifndef SW_OVERLAY_H
#define SW_OVERLAY_H

#include "launch.h"
#include "userns.h"

/* Mounts it at <directory>/merged in the mount namespace of the caller, which should be the container's own so that the
 * host's mount table stays short. A mark that an earlier `volatile` mount left in `work` is removed first. With a user
 * namespace, whose root the caller must have assumed, the ids of all layers are mapped. */
int sw_overlay_mount(const struct sw_launch *launch, const char *directory, const struct sw_userns *userns,
		     struct sw_error *error);

/* Joins the lower directories with colons, `\`, `,` and `:` escaped as overlay wants them in mount(2), each without
 * its first `skip` bytes. Gives the length, or -ENOSPC. */
int sw_overlay_lower_option(const struct sw_strings *lower, size_t skip, char *option, size_t size);

#endif
