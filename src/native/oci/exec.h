/* exec: one more process in a container that runs. */
#ifndef SW_OCI_EXEC_H
#define SW_OCI_EXEC_H

#include "plan.h"

/* `console`: where its terminal goes, -1 without one. Gives the pid of a child that executes the program; -errno when it does not. */
pid_t exec_start(const struct plan *plan, int directory, int console, struct sw_error *error);

#endif
