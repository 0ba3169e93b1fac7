/* The capability sets of the workload (capabilities(7)). */
#ifndef SW_CAPABILITIES_H
#define SW_CAPABILITIES_H

#include <sys/types.h>

#include "../common/launch.h"

/* As root, before the user changes: takes from `sets` what this process does not have itself, telling `warn` of each capability
 * that was wanted, and drops everything else from the bounding set. */
int capabilities_limit(struct sw_capabilities *sets, void (*warn)(const char *text), struct sw_error *error);

/* Just before the user changes: for another user than root, what is inheritable is kept over the change. */
int capabilities_keep(const struct sw_capabilities *sets, uid_t uid, struct sw_error *error);

/* After it. Root gets the sets; another user what is ambient, as execve takes the rest anyway. */
int capabilities_set(const struct sw_capabilities *sets, uid_t uid, struct sw_error *error);

#endif
