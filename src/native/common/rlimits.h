/* Resource limits by name, and setting them as far as this process may. */
#ifndef SW_RLIMITS_H
#define SW_RLIMITS_H

#include "launch.h"

/* "<name> <soft> <hard>", counts or "unlimited"; changes the text. 0 or -EINVAL. */
int sw_rlimit_parse(char *text, struct sw_rlimit *limit);

/* Without CAP_SYS_RESOURCE a hard limit cannot be raised: it is then lowered to the present one and 1 is given. */
int sw_rlimit_set(const struct sw_rlimit *limit, struct sw_error *error);

/* Raises the hard limit alone, for what this process will start: who comes from a user namespace cannot. Without the power to do so it
 * stays. */
void sw_rlimit_raise(const struct sw_rlimit *limit);

const char *sw_rlimit_name(int resource);

#endif
