/* Commands that the server started: found by the daemon's number and by pid, ended with everything of their session. */
#ifndef SW_SESSION_H
#define SW_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SESSIONS_MAX 256

struct session {
	uint64_t id;
	pid_t pid;   /* of the command, leader of the session; 0: free place */
	int cgroup2; /* of its container */
	bool detached;
};

/* A free place, or NULL. */
struct session *session_place(struct session sessions[SESSIONS_MAX]);
struct session *session_by_id(struct session sessions[SESSIONS_MAX], uint64_t id);
struct session *session_by_pid(struct session sessions[SESSIONS_MAX], pid_t pid);

/* SIGKILL to every process of the session, also those whose parents have ended; one that made a session of its own goes on. */
void session_kill(const struct session *session);
/* The leader has been reaped. */
void session_forget(struct session *session);

#endif
