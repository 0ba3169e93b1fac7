/* Executing CRIU: what the dump launcher (criu/) and the restoring monitor share. */
#ifndef SW_CRIU_H
#define SW_CRIU_H

#include <stddef.h>

#include "error.h"

#define SW_CRIU_COMMAND_BYTES_MAX (256 * 1024)
#define SW_CRIU_COMMAND_STRINGS_MAX 4096

/* Strings of a command file, each ended by NUL; items[count] is NULL. */
struct criu_command {
	char *bytes;
	char **items;
	size_t count;
};

int criu_command_read(const char *path, struct criu_command *command, struct sw_error *error);
void criu_command_free(struct criu_command *command);

/* A mount namespace of its own with nothing shared. Where /run is no tmpfs, a directory of /dev/shm is bound there, because CRIU
 * keeps its cache of kernel facts in /run only on a tmpfs (40 ms a call without it). */
int criu_private_mounts(struct sw_error *error);

/* Executes arguments[0], at the highest priority, because a frozen container waits for it; comes back only when that
 * fails. CRIU gives the tasks that it restores the priorities that they had. */
int criu_execute(char **arguments, struct sw_error *error);

#endif
