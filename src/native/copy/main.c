/* swarm-copy pack <container directory> <pid> <path> <name>: a file or directory of a running container as tar on standard output.
 * swarm-copy unpack <container directory> <pid> <path> as|into: tar on standard input becomes files of it.
 * Both from inside the container's mount namespace, whose root no link leads out of, and from outside its pid namespace, so that nothing
 * in it sees this process. Started by the daemon; must never open what is no file or directory. */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/cgroup.h"
#include "../common/cleanup.h"
#include "../common/launch.h"
#include "../common/number.h"
#include "../common/program.h"
#include "../common/syscalls.h"
#include "pack.h"
#include "unpack.h"

/* Exit codes: what kind of failure it was. */
enum { DONE = 0, FAILED = 1, WRONG_INPUT = 2, NOT_FOUND = 4, REFUSED = 5 };

static int read_launch(const char *directory, struct sw_launch *launch, struct sw_error *error)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/launch", directory);
	SW_AUTOCLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
	return file < 0 ? sw_fail(error, errno, "open", path) : sw_launch_read(file, launch, error);
}

/* Where the container has a user namespace of its own its root is nobody outside, and its files are its root's. */
static int become_its_root(int process, struct sw_error *error)
{
	if (setns(process, CLONE_NEWUSER) < 0)
		/* It is ours already. */
		return errno == EINVAL ? 0 : sw_fail(error, errno, "join the container's users", NULL);
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return sw_fail(error, errno, "become the container's root", NULL);
	return 0;
}

static int enter(const char *directory, pid_t pid, struct sw_error *error)
{
	struct sw_launch launch;
	SW_AUTOCLOSE int process = sw_pidfd_open(pid);
	if (process < 0)
		return sw_fail(error, errno, "find the container's process", NULL);
	int result = read_launch(directory, &launch, error);
	if (result < 0)
		return result;
	SW_AUTOCLOSE int cgroup = sw_cgroup2_open(launch.cgroup2, error);
	result = cgroup < 0 ? cgroup : sw_cgroup2_check_member(cgroup, pid, error);
	sw_launch_free(&launch);
	if (result == 0 && setns(process, CLONE_NEWNS) < 0)
		result = sw_fail(error, errno, "join the container's mounts", NULL);
	return result == 0 ? become_its_root(process, error) : result;
}

static int code_of(int result)
{
	switch (result) {
	case -ENOENT:
		return NOT_FOUND;
	case -EINVAL:
	case -ENOTDIR:
	case -EISDIR:
	case -ENAMETOOLONG:
		return WRONG_INPUT;
	case -EPERM:
	case -EACCES:
	case -EROFS:
	case -ENOSPC:
		return REFUSED;
	default:
		return result < 0 ? FAILED : DONE;
	}
}

int main(int count, char **arguments)
{
	struct sw_error error = { 0 };
	uint64_t pid;
	bool packs = count == 6 && strcmp(arguments[1], "pack") == 0;
	bool unpacks = count == 6 && strcmp(arguments[1], "unpack") == 0;
	bool into = unpacks && strcmp(arguments[5], "into") == 0;
	if ((!packs && !unpacks) || sw_parse_number(arguments[3], &pid) < 0 || pid < 1 || pid > INT_MAX ||
	    arguments[4][0] != '/' || strlen(arguments[4]) >= PATH_MAX ||
	    (packs ? strlen(arguments[5]) > NAME_MAX : !into && strcmp(arguments[5], "as") != 0)) {
		fprintf(stderr, "usage: swarm-copy pack <directory> <pid> <path> <name> | unpack <directory> <pid> <path> as|into\n");
		return WRONG_INPUT;
	}
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	umask(0);
	int result = enter(arguments[2], (pid_t)pid, &error);
	if (result == 0)
		result = packs ? pack(arguments[4], arguments[5], &error) : unpack(arguments[4], into, &error);
	if (result < 0)
		fprintf(stderr, "%s\n", error.message);
	return code_of(result);
}
