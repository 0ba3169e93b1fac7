/* Work in a short-lived child, for what must not happen to the calling process: other namespaces, a new session.
 * The child shares our memory and stops the calling thread until it ends or executes a program, so it may write results
 * into `argument`, and must not allocate, lock or call anything that is not async-signal-safe. */
#ifndef SW_CHILD_H
#define SW_CHILD_H

#include "../common/error.h"

/* `flags` of clone(2) besides CLONE_VM and CLONE_VFORK. The child has its own descriptor table (a copy), all signals
 * blocked, and is reaped here; SIGCHLD is not sent. */
int child_run(int (*work)(void *argument), void *argument, int flags, struct sw_error *error);

/* The same, but a child of our parent, who reaps it. Gives its pid. */
int child_beside(int (*work)(void *argument), void *argument, struct sw_error *error);

/* The same from inside such a child, on a stack of the caller's; the grandchild is not reaped. Gives its pid or -errno. */
int child_start(int (*work)(void *argument), void *argument, char *stack, unsigned size);

#endif
