/* What CRIU runs at its stages (--action-script): it sets CRTOOLS_SCRIPT_ACTION. Our own variables: */
#ifndef SW_CRIU_HOOK_H
#define SW_CRIU_HOOK_H

/* Descriptors of criu, which the hook borrows (pidfd_getfd). Dump: a pipe, lines `freezing <monotonic ns>`,
 * `remaps` (see hook.c) and `frozen`.
 * Restore: the SOCK_SEQPACKET end of the monitor (common/report.h). */
#define SW_CRIU_REPORT_FD 3
/* Dump only. v2 cgroup directory to freeze. */
#define SW_CRIU_CGROUP "SWARM_CGROUP"
/* Dump only. Host end of the container's link, empty for none, in the namespace of descriptor SW_CRIU_HOST_NET_FD. */
#define SW_CRIU_LINK "SWARM_LINK"
#define SW_CRIU_HOST_NET_FD 4

/* Dump only. The container's upper layer. */
#define SW_CRIU_UPPER "SWARM_UPPER"
/* What the hook adds to the names of link remaps that it keeps. */
#define SW_CRIU_KEPT ".kept"

/* Dump only. A file in the images' directory that says that nobody wants them any more: criu takes all back by itself. */
#define SW_CRIU_GIVE_UP "give-up"

/* Restore only, for a copy with a user namespace: the container directory. */
#define SW_CRIU_DIRECTORY "SWARM_DIRECTORY"

/* 0, or what makes criu fail. */
int hook_run(const char *action);

#endif
