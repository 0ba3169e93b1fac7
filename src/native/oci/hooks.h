/* config.md#posix-platform-hooks: programs of the configuration, each with the container's state on its standard input. */
#ifndef SW_OCI_HOOKS_H
#define SW_OCI_HOOKS_H

#include "plan.h"

/* One after the other; the first that fails, or outlives its timeout, ends it with its name. */
int hooks_run(const struct plan *plan, enum plan_hook_kind kind, const char *status, pid_t pid, struct sw_error *error);

#endif
