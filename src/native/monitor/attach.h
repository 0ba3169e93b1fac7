/* Attached connections of a monitor: what the container writes goes to all of them, what they write goes to it. */
#ifndef SW_ATTACH_H
#define SW_ATTACH_H

#include "monitor.h"

/* Before the first output. */
void attach_listen(struct monitor *monitor);

/* From now on the connection carries frames. Answers `ok attach`, or `error attach …`. */
void attach_begin(struct monitor *monitor, struct client *client);
/* Frames that have arrived, as far as the container takes input. */
void attach_serve(struct monitor *monitor, struct client *client, short events);
/* What to wait for; 0: nothing. */
short attach_events(const struct monitor *monitor, const struct client *client);
/* Input that waited for room. */
void attach_resume(struct monitor *monitor);
/* The container has ended: what they have not read yet is sent, for a moment. */
void attach_finish(struct monitor *monitor);

#endif
