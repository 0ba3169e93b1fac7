/* Directories and mount points inside the container, made when an image lacks them. Paths are absolute and resolved in
 * the container's own root. */
#ifndef SW_DIRECTORIES_H
#define SW_DIRECTORIES_H

#include <stdbool.h>

#include "../common/error.h"

/* All directories above the last name, mode 0755. */
int make_parents(const char *path, struct sw_error *error);
/* The last name: a directory or an empty file; an existing one is kept. */
int make_mount_point(const char *path, bool is_directory, struct sw_error *error);
/* Both, for a directory. */
int make_directories(const char *path, struct sw_error *error);

#endif
