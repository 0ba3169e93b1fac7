/* What a container is called that was made ahead. */
#ifndef SW_HOSTNAME_H
#define SW_HOSTNAME_H

#include <sys/types.h>

/* Of the init with that pid, which learns with the start what it is called; the caller's own namespace becomes the container's. 0 or -errno. */
int hostname_give(pid_t pid, const char *name);

#endif
