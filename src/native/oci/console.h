/* config.md#process terminal: a pseudo terminal of the container's own devpts; its other end goes to whom --console-socket names. */
#ifndef SW_OCI_CONSOLE_H
#define SW_OCI_CONSOLE_H

#include "plan.h"

/* A connection to the unix socket at `path`. */
int console_connect(const char *path, struct sw_error *error);
/* In the container's root: makes the terminal, sends its master over `connection`, and makes the other end the standard streams and
 * the controlling terminal of the (new) session. Binds it to /dev/console when `shows_console`. */
int console_open(const struct plan_process *process, int connection, bool shows_console, struct sw_error *error);

#endif
