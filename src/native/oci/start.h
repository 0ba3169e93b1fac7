/* start: lets the created process execute the configured program. */
#ifndef SW_OCI_START_H
#define SW_OCI_START_H

#include "plan.h"

/* `process` is a pidfd. -ESTALE when it was started before; other errors say why the program does not run. Then poststart hooks. */
int start(const struct plan *plan, int directory, int process, pid_t pid, struct sw_error *error);

#endif
