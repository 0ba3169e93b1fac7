/* Giving up power: limits, capabilities, identity, no_new_privs, seccomp. */
#ifndef SW_PRIVILEGES_H
#define SW_PRIVILEGES_H

#include "../common/launch.h"
#include "../common/seccomp.h"
#include "../common/userns.h"
#include "identity.h"

/* The last steps before execve, in the order that each still may be done. The working directory is entered in between:
 * made as root, entered as the user would find it. Limits that could not be raised are told to `warn`. */
int privileges_drop(const struct sw_launch *launch, const struct sw_seccomp *seccomp, const struct sw_userns *userns,
		    const struct identity *identity, const char *workdir, void (*warn)(const char *text), struct sw_error *error);

#endif
