/* The outside half of create: cgroups, namespaces, mappings, hooks of the runtime's side. */
#ifndef SW_OCI_CREATE_H
#define SW_OCI_CREATE_H

#include "plan.h"

/* `console`: where the terminal goes, -1 without one. Gives the pid of the container's first process, which waits for its start;
 * nothing of it is left when this fails. */
pid_t create(const struct plan *plan, int directory, int console, struct sw_error *error);

#endif
