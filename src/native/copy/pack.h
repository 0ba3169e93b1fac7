/* A file or directory of the container as a tar archive on standard output. */
#ifndef SW_PACK_H
#define SW_PACK_H

#include "../common/error.h"

/* `path` is one of the root we are in; a link at its end is taken as a link unless a slash follows. Every entry is called
 * `name`, or stands below it. Kernel file systems (/proc, /sys) come as empty directories, sockets and devices are left out. */
int pack(const char *path, const char *name, struct sw_error *error);

#endif
