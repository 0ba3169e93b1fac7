/* A pseudo terminal of the container's own devpts, so that its name means the same inside and nothing of the host's terminals
 * is near. */
#ifndef SW_TERMINAL_H
#define SW_TERMINAL_H

#include <stdint.h>
#include <sys/types.h>

#include "../common/error.h"

struct terminal_size {
	uint16_t rows, columns;
};

/* "24x80", both from 1. 0 or -EINVAL. */
int terminal_size_parse(const char *text, struct terminal_size *size);

/* In the container's mount namespace, as leader of a session without a terminal: makes one, gives it to `owner`, takes it as
 * controlling terminal and as standard input, output and error. *master is the other end, close-on-exec. */
int terminal_take(const struct terminal_size *size, uid_t owner, int *master, struct sw_error *error);

#endif
