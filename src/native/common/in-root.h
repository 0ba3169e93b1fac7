/* Names of a container, resolved inside its root whatever links it holds (openat2(2) with RESOLVE_IN_ROOT): no configured path
 * and no link of an image reaches the host. Results are O_PATH descriptors, so that what was looked at is what is used. */
#ifndef SW_IN_ROOT_H
#define SW_IN_ROOT_H

#include <stdbool.h>

#include "error.h"

/* -errno without a message when it is not there. */
int in_root_find(int root, const char *path);
/* Made with its parents when absent: a directory, or an empty file. */
int in_root_open(int root, const char *path, bool is_directory, struct sw_error *error);
/* The directory that holds `path`, made when absent; *name is the last part of `path`. */
int in_root_parent(int root, const char *path, const char **name, struct sw_error *error);

#endif
