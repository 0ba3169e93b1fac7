#include "privileges.h"

#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/rlimits.h"
#include "../common/syscalls.h"
#include "capabilities.h"
#include "directories.h"

/* linux/keyctl.h */
#define JOIN_SESSION_KEYRING 1

static int set_rlimits(const struct sw_launch *launch, void (*warn)(const char *text), struct sw_error *error)
{
	char text[128];
	for (size_t i = 0; i < launch->rlimit_count; i++) {
		int result = sw_rlimit_set(&launch->rlimits[i], error);
		if (result < 0)
			return result;
		if (result == 1) {
			snprintf(text, sizeof text, "rlimit %s lowered to what the daemon has (no CAP_SYS_RESOURCE)",
				 sw_rlimit_name(launch->rlimits[i].resource));
			warn(text);
		}
	}
	return 0;
}

static int set_identity(const struct identity *identity, struct sw_error *error)
{
	if (setgroups(identity->group_count, identity->groups) < 0)
		return sw_fail(error, errno, "set supplementary groups", NULL);
	if (setresgid(identity->gid, identity->gid, identity->gid) < 0)
		return sw_fail(error, errno, "set group", NULL);
	if (setresuid(identity->uid, identity->uid, identity->uid) < 0)
		return sw_fail(error, errno, "set user", NULL);
	return 0;
}

/* Names that lead out of the root, through a descriptor of the host say, have a path that is not reachable from it. */
static int check_inside(const char *workdir, struct sw_error *error)
{
	char path[PATH_MAX];
	if (syscall(SYS_getcwd, path, sizeof path) >= 0 && path[0] == '/')
		return 0;
	return sw_refuse(error, EPERM, "enter the working directory", "working directory %.100s is not in the container", workdir);
}

static int enter_workdir(const char *workdir, struct sw_error *error)
{
	if (chdir(workdir) == 0)
		return check_inside(workdir, error);
	if (errno != ENOENT)
		return sw_fail(error, errno, "enter the working directory", workdir);
	int result = make_directories(workdir, error);
	if (result < 0)
		return result;
	if (chdir(workdir) < 0)
		return sw_fail(error, errno, "enter the working directory", workdir);
	return check_inside(workdir, error);
}

/* The pipes belong to who writes them, so that /dev/stdout can be opened. Terminals, files and sockets stay as they are. */
static int own_streams(const struct identity *identity, const struct sw_userns *userns, struct sw_error *error)
{
	struct stat status;
	uint32_t first = userns->fd < 0 ? 0 : userns->base;
	for (int stream = 0; stream < 3; stream++)
		if (fstat(stream, &status) == 0 && S_ISFIFO(status.st_mode) &&
		    fchown(stream, first + identity->uid, first + identity->gid) < 0)
			return sw_fail(error, errno, "hand over a standard stream", NULL);
	return 0;
}

int privileges_drop(const struct sw_launch *launch, const struct sw_seccomp *seccomp, const struct sw_userns *userns,
		    const struct identity *identity, const char *workdir, void (*warn)(const char *text), struct sw_error *error)
{
	struct sw_capabilities capabilities = launch->security.capabilities;
	int result = set_rlimits(launch, warn, error);
	/* The daemon's session keyring stays outside; kernels without keys have none. */
	if (result == 0 && syscall(SYS_keyctl, JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		result = sw_fail(error, errno, "join a session keyring", NULL);
	if (result == 0)
		result = sw_userns_assume(userns, error);
	if (result == 0)
		result = enter_workdir(workdir, error);
	if (result == 0)
		result = own_streams(identity, userns, error);
	if (result == 0)
		result = sw_userns_enter(userns, error);
	if (result == 0)
		result = capabilities_limit(&capabilities, warn, error);
	if (result == 0)
		result = capabilities_keep(&capabilities, identity->uid, error);
	if (result == 0)
		result = set_identity(identity, error);
	if (result == 0)
		result = capabilities_set(&capabilities, identity->uid, error);
	if (result == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		result = sw_fail(error, errno, "set no_new_privs", NULL);
	return result == 0 ? sw_seccomp_load(seccomp, error) : result;
}
