/* What a standby found when it was made, and what of that may be another by now: then it is of no use. */
#ifndef SW_STANDBY_TOLD_H
#define SW_STANDBY_TOLD_H

#include <stdbool.h>
#include <stdint.h>

/* A name of the container; all 0: there is nothing. */
struct standby_name {
	uint64_t device, inode;
	int64_t size, seconds, nanoseconds; /* of a file: content and change; of a directory 0 */
};

struct standby_seen {
	struct standby_name passwd, group, workdir;
};

struct standby_told {
	uint32_t uid, gid; /* as the container counts */
	struct standby_seen seen;
};

/* In the container's root: the files that tell who its user is. */
void standby_look(struct standby_seen *seen);
/* Its working directory, which a command would make where there is none: a process that nobody asked for makes nothing. 0 or -errno. */
int standby_enter(const char *workdir, struct standby_seen *seen);
/* Whether the same is there, asked from outside through a process in it; false also when that cannot be said. */
bool standby_is_same(int pid, const char *workdir, const struct standby_seen *seen);

#endif
