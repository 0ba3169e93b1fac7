/* What the daemon asks about the lease of its container (guard.h), and what happens at its end. */
#ifndef SW_LEASE_H
#define SW_LEASE_H

#include <stdbool.h>

#include "command.h"
#include "monitor.h"

/* `lease` and `thaw` of README.md; answer the client. */
void lease_take(struct monitor *monitor, struct client *client, const struct command *command);
void lease_thaw(struct monitor *monitor, struct client *client);

/* The timer went off: true when the container stands still from now on, which everybody is to be told. */
bool lease_end(struct monitor *monitor);

#endif
