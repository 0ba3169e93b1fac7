/* `pid` in the container's directory: "<pid> <start time>\n", so that a pid that was given to another process is not believed. */
#ifndef SW_OCI_PID_FILE_H
#define SW_OCI_PID_FILE_H

#include <sys/types.h>

#include "../common/error.h"

int pid_file_write(int directory, pid_t pid, struct sw_error *error);
/* The caller's own (--pid-file): the number alone. Complete or not there. */
int pid_file_tell(const char *path, pid_t pid, struct sw_error *error);
/* A pidfd of the very process; -ESRCH when it is gone. */
int pid_file_open(int directory, pid_t *pid, struct sw_error *error);

#endif
