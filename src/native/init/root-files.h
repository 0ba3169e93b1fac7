/* The launch file's `file` entries (/etc/hosts and the like), put into the upper layer before the overlay is mounted:
 * a third of the cost of writing through the overlay. */
#ifndef SW_ROOT_FILES_H
#define SW_ROOT_FILES_H

#include "../common/launch.h"

/* After an earlier life the upper layer holds what the container made of it: a link on the way, or something that is not
 * a plain file, is left as it is. */
int root_files_write(const struct sw_launch *launch, const char *directory, struct sw_error *error);

#endif
