/* Waiting for a child in the foreground: signals are passed on to it. */
#ifndef SW_OCI_FOREGROUND_H
#define SW_OCI_FOREGROUND_H

#include <sys/types.h>

/* Signals are held back from here on, so that none is lost before there is somebody to pass it on to. */
void foreground_begin(void);
/* Its exit code, 128 + signal. */
int foreground_wait(pid_t child);

#endif
