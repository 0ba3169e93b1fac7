/* The container's /dev and /dev/shm as directories below the container directory: bind-mounted by the init and named
 * external to CRIU, which would pack a tmpfs at every checkpoint. */
#ifndef SW_DEVICE_DIRECTORY_H
#define SW_DEVICE_DIRECTORY_H

#include "../common/launch.h"

/* Makes <directory>/dev and <directory>/shm with the OCI runtime spec's default devices. What exists is kept; what stands in
 * a device's place is replaced. */
int device_directory_make(const char *directory, struct sw_error *error);

/* The devices that the launch file adds, in <directory>/dev. No link that an earlier life of the container left is followed. */
int device_nodes_make(const char *directory, const struct sw_security *security, struct sw_error *error);

#endif
