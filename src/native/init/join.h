/* One more process in a running container. */
#ifndef SW_JOIN_H
#define SW_JOIN_H

#include "../common/cgroup.h"
#include "../common/seccomp.h"
#include "serve-request.h"
#include "standby-told.h"

/* Everything of the container that has a name on the host. */
struct join {
	struct sw_launch launch;
	struct sw_seccomp seccomp;
	struct sw_cgroup1 cgroup1;
	int cgroup2, pidfd;
	int namespaces; /* that the process enters: those this kernel has */
};

/* Descriptors of the command's process, none below 3. */
struct join_streams {
	int input;     /* -1: standard input stays what the caller's is, /dev/null */
	int output;    /* -1: standard output stays */
	int complaint; /* standard error; -1: stays */
	int terminal;  /* socket that takes the master of a terminal made inside, or why there is none; -1: no terminal */
	int failure;   /* takes what keeps the command from being executed, closes when it is; -1: standard error */
};

/* What the process of a standby has of its server. */
struct standby_end {
	int socket; /* SOCK_SEQPACKET */
	struct standby_told *told;
	char *bytes; /* SERVE_REQUEST_BYTES_MAX, for the request */
	struct serve_request *request;
};

/* A pid is only believed when the container's own cgroup holds it. Call join_close also when it fails. */
int join_open(const struct exec_options *options, struct join *join, struct sw_error *error);
void join_close(struct join *join);

/* Clones the command's process into the container, a child of the caller, in a session of its own. Gives its pid. It ends when the
 * process of `caller` (a pidfd) does; -1: it does not. What goes wrong in it is told on its standard error ("swarm: …"), and its
 * exit code is then 125, 126 or 127 (report.h). The caller has default signal handlers, SIGPIPE and the mask aside; its own later children
 * are born in the container's pid namespace. */
pid_t join_start(const struct join *join, const struct exec_options *options, const struct join_streams *streams, int caller,
		 struct sw_error *error);

/* The same for a command that is not known yet, of the container's own user in its own working directory: the process does all but that, says
 * `told` over its socket, and waits there for the request with two or three descriptors (output, complaints, input), as the server got it.
 * Before it was told one it says nothing; it ends with the other end of its socket, and where the container's filter refuses such waiting. */
pid_t join_stand_by(const struct join *join, int caller, const struct standby_end *standby, struct sw_error *error);

#endif
