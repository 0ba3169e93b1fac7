/* The server's side of a process that waits in a container for the next command (join.h, join_stand_by): making one takes longer than
 * most commands. One a container, for a moment: it counts as a process there. */
#ifndef SW_STANDBY_H
#define SW_STANDBY_H

#include "join.h"

#define STANDBY_MS_MAX 2000

struct standby {
	pid_t pid; /* 0: none */
	int socket;
	bool is_ready;
	uint64_t until_ms; /* monotonic */
	struct standby_told told;
};

/* Not where one process of the container could look into others, nor where its root may hold a file system that hangs. */
bool standby_may_be(const struct join *join);
/* `bytes` and `request`: the server's own, which the new process writes to in its copy. */
int standby_make(struct standby *standby, const struct join *join, int caller, char *bytes, struct serve_request *request,
		 struct sw_error *error);
/* Its socket has something: that it is ready. False when it ends instead. */
bool standby_hear(struct standby *standby);
/* Hands the request over. Gives the pid, which is the caller's from then on; 0 when it does not fit the request, is not ready or has ended: then it
 * is as before or dropped, and the command is started without it. */
pid_t standby_use(struct standby *standby, const struct join *join, const struct serve_request *request,
		  const struct join_streams *streams);
/* Its process is killed; the caller reaps it. */
void standby_drop(struct standby *standby);

#endif
