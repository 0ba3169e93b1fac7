/* One more process in a running container. */
#ifndef SW_JOIN_H
#define SW_JOIN_H

#include "../common/cgroup.h"
#include "../common/seccomp.h"
#include "exec-options.h"

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

/* A pid is only believed when the container's own cgroup holds it. Call join_close also when it fails. */
int join_open(const struct exec_options *options, struct join *join, struct sw_error *error);
void join_close(struct join *join);

/* Clones the command's process into the container, a child of the caller, in a session of its own. Gives its pid. It ends when the
 * process of `caller` (a pidfd) does; -1: it does not. What goes wrong in it is told on its standard error ("swarm: …"), and its
 * exit code is then 125, 126 or 127 (report.h). The caller has default signal handlers, SIGPIPE and the mask aside; its own later children
 * are born in the container's pid namespace. */
pid_t join_start(const struct join *join, const struct exec_options *options, const struct join_streams *streams, int caller,
		 struct sw_error *error);

#endif
