/* start: the created process waits on a socket in the container's directory; who connects lets it execute the configured program, and reads
 * why it does not, or the end of the connection when it does. */
#ifndef SW_OCI_START_H
#define SW_OCI_START_H

#include "plan.h"

/* There until the container has been started. */
#define START_SOCKET "start"

/* Made in the directory; gives the descriptor to wait on. */
int start_listen(int directory, struct sw_error *error);
/* Of two callers the second gets -ESTALE; other errors say why the program does not run. Then poststart hooks. */
int start(const struct plan *plan, int directory, pid_t pid, struct sw_error *error);

#endif
