/* Waiting for a child in the foreground: signals are passed on to it, and a terminal of its own is shown on the caller's. */
#ifndef SW_OCI_FOREGROUND_H
#define SW_OCI_FOREGROUND_H

#include <sys/types.h>

#include "../common/error.h"

/* Signals are held back from here on, so that none is lost before there is somebody to pass it on to. */
void foreground_begin(void);
/* A socket pair over which the child hands its terminal to us; both ends close-on-exec. */
int foreground_pair(int ends[2], struct sw_error *error);
/* The master that came, or -errno. */
int foreground_receive(int end, struct sw_error *error);
/* Its exit code, 128 + signal. `master` -1: it has the caller's own streams. */
int foreground_wait(pid_t child, int master);

#endif
