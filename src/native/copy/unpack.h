/* A tar archive on standard input becomes files of the container. */
#ifndef SW_UNPACK_H
#define SW_UNPACK_H

#include <stdbool.h>

#include "../common/error.h"

/* Kept free on the disk, whatever arrives. */
#define UNPACK_BYTES_RESERVE (256ull * 1024 * 1024)

/* `into`: below the directory `path`, which exists, as the archive has them. Else as cp(1) does: below `path` where that is a directory;
 * where it is none, the archive's first name is replaced by `path`, whose directory exists. Links of the container lead
 * nowhere but inside its root; owner is the container's root; devices are refused. */
int unpack(const char *path, bool into, struct sw_error *error);

#endif
