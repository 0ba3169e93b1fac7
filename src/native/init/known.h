/* Containers in which commands were started lately: finding one anew takes as long as the rest of a command's preparation. Held by
 * descriptors of their processes, so a pid that was given to another process is never taken for one. */
#ifndef SW_KNOWN_H
#define SW_KNOWN_H

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>

#include "standby.h"

#define KNOWN_MAX 8

struct known {
	char directory[PATH_MAX]; /* "": free place */
	pid_t pid;
	struct stat launch; /* the file that was read: another one means other limits */
	uint64_t used;
	struct join join;
	struct standby standby;
	bool wants_standby, refuses_standby;
};

/* What is polled: their processes, and standbys that are being made. */
#define KNOWN_POLLED (2 * KNOWN_MAX)

/* The container of the options, as long as neither its process nor its launch file is another one. It is the table's. */
int known_find(struct known table[KNOWN_MAX], const struct exec_options *options, struct known **known,
	       struct sw_error *error);
/* What to wait for, and what to do when it came: those that have ended, and standbys that nobody used in time, are let go of. */
void known_arm(const struct known table[KNOWN_MAX], struct pollfd polled[KNOWN_POLLED]);
/* Milliseconds until something is to be let go of; -1: nothing. */
int known_wait_ms(const struct known table[KNOWN_MAX]);
void known_handle(struct known table[KNOWN_MAX], const struct pollfd polled[KNOWN_POLLED]);
/* Where one is wanted; what it takes is the server's own (standby.h). */
void known_make_standbys(struct known table[KNOWN_MAX], int caller, char *bytes, struct serve_request *request);
/* A process that was reaped, which may have been a standby. */
void known_reaped(struct known table[KNOWN_MAX], pid_t pid);

#endif
