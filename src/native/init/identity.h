/* Who the workload runs as: names of the container's own /etc/passwd and /etc/group turned into numbers. No NSS: the
 * programs are static and the files are the image's, so they are parsed here, and trusted with nothing. */
#ifndef SW_IDENTITY_H
#define SW_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../common/error.h"

#define GROUPS_MAX 64
#define NAME_MAX_SIZE 64
#define HOME_MAX_SIZE 256

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MAX];
	size_t group_count;
	char home[HOME_MAX_SIZE];
};

/* Pure. `passwd` and `group` are the files' texts (may be empty). `user` is "", `name`, `uid`, `name:group` or
 * `uid:gid`; a number needs no entry, a name does (-ENOENT). Supplementary groups only when no group is given. */
int identity_resolve(const char *user, const char *passwd, const char *group, struct identity *identity,
		     struct sw_error *error);

/* Reads both files of the present root and resolves. */
int identity_find(const char *user, struct identity *identity, struct sw_error *error);

#endif
