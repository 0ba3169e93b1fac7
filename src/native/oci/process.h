/* config.md#process: becoming the configured process, in its container's root. */
#ifndef SW_OCI_PROCESS_H
#define SW_OCI_PROCESS_H

#include "../common/seccomp.h"
#include "plan.h"

/* Of the caller, for the children that it will have. */
int process_set_oom_score(const struct plan_process *process, struct sw_error *error);
/* Everything but the program: limits, user, capabilities, no_new_privs, directory; descriptors that are not its own are closed at
 * the exec. What this machine cannot give (a limit, a capability that we lack) is told to `warn`. A filter that cannot wait for
 * process_seal because there is no no_new_privs is loaded too. */
int process_prepare(const struct plan_process *process, const struct sw_seccomp *filter, void (*warn)(const char *text),
		    struct sw_error *error);
/* Right before the program: the filter of system calls. */
int process_seal(const struct plan_process *process, const struct sw_seccomp *filter, struct sw_error *error);
/* The environment with PATH and HOME where they are missing; NULL without memory. */
const char **process_environment(const struct plan_process *process);
/* -ENOENT or -EACCES when the program could not be executed, as far as this can be seen before. */
int process_find(const struct plan_process *process, const char *const *environment, struct sw_error *error);

#endif
