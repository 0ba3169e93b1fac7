/* Containers in which commands were started lately: finding one anew takes as long as the rest of a command's preparation. Held by
 * descriptors of their processes, so a pid that was given to another process is never taken for one. */
#ifndef SW_KNOWN_H
#define SW_KNOWN_H

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>

#include "join.h"

#define KNOWN_MAX 8

struct known {
	char directory[PATH_MAX]; /* "": free place */
	pid_t pid;
	struct stat launch; /* the file that was read: another one means other limits */
	uint64_t used;
	struct join join;
};

/* The container of the options, as long as neither its process nor its launch file is another one. It is the table's. */
int known_find(struct known table[KNOWN_MAX], const struct exec_options *options, struct join **join,
	       struct sw_error *error);
/* What to wait for, and what to do when it came: those that have ended are let go of. */
void known_arm(const struct known table[KNOWN_MAX], struct pollfd polled[KNOWN_MAX]);
void known_handle(struct known table[KNOWN_MAX], const struct pollfd polled[KNOWN_MAX]);

#endif
