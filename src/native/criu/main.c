/* swarm-criu dump <file>: executes `criu dump` for one container. <file> is made by
 * runtime/checkpoint/criu-command.ts: strings, each ended by NUL: pid whose network namespace criu enters (0: none, it finds a namespace that
 * the container's user namespace owns by itself), v2 cgroup, link, upper layer, place for our pid, then criu's
 * argument vector. Standard output is the report pipe (hook.h).
 * Called by criu itself (CRTOOLS_SCRIPT_ACTION is set) it is the action script. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/cleanup.h"
#include "../common/criu.h"
#include "../common/file.h"
#include "../common/syscalls.h"
#include "hook.h"

enum { PID, CGROUP, LINK, UPPER, PID_FILE, FIRST_ARGUMENT };

/* "<pid> <start time in ticks>": the daemon kills it by this when it must roll back. */
static int write_pid(const char *path, struct sw_error *error)
{
	char text[64], stat[1024];
	SW_AUTOCLOSE int source = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t size = source < 0 ? -1 : read(source, stat, sizeof stat - 1);
	if (size < 0)
		return sw_fail(error, errno, "read", "/proc/self/stat");
	stat[size] = 0;
	/* Field 22 of proc(5) stat, counted from behind the command, which may hold anything. */
	char *field = strrchr(stat, ')');
	for (int i = 2; field && i < 22; i++)
		field = strchr(field + 1, ' ');
	if (!field)
		return sw_refuse(error, EINVAL, "read /proc/self/stat", "field 22 is missing");
	snprintf(text, sizeof text, "%d %llu\n", (int)getpid(), strtoull(field + 1, NULL, 10));
	SW_AUTOCLOSE int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0 || sw_write_all(file, text, strlen(text)) < 0)
		return sw_fail(error, errno, "write", path);
	return 0;
}

/* Standard output and our network namespace become the descriptors that the hook borrows. */
static int arrange_descriptors(struct sw_error *error)
{
	/* Sources above every target, so that no dup2 overwrites one that is still needed. */
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int host = own < 0 ? -1 : fcntl(own, F_DUPFD_CLOEXEC, 10), report = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	if (host < 0 || report < 0 || dup2(report, SW_CRIU_REPORT_FD) < 0 || dup2(host, SW_CRIU_HOST_NET_FD) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return sw_fail(error, errno, "arrange descriptors", NULL);
	return sw_close_range(5, ~0u, SW_CLOSE_RANGE_CLOEXEC) < 0 ? sw_fail(error, errno, "close descriptors", NULL) : 0;
}

static int enter_network(const char *pid, struct sw_error *error)
{
	char path[64];
	if (strcmp(pid, "0") == 0)
		return 0;
	snprintf(path, sizeof path, "/proc/%s/ns/net", pid);
	SW_AUTOCLOSE int theirs = open(path, O_RDONLY | O_CLOEXEC);
	if (theirs < 0 || setns(theirs, CLONE_NEWNET) < 0)
		return sw_fail(error, errno, "enter the network namespace of process", pid);
	return 0;
}

static int dump(const char *file, struct sw_error *error)
{
	struct criu_command command;
	int result = criu_command_read(file, &command, error);
	if (result == 0 && command.count <= FIRST_ARGUMENT)
		result = sw_refuse(error, EINVAL, "read the command", "%zu strings, wanted more", command.count);
	if (result == 0)
		result = write_pid(command.items[PID_FILE], error);
	if (result == 0)
		result = arrange_descriptors(error);
	if (result == 0)
		result = enter_network(command.items[PID], error);
	if (result == 0)
		result = criu_private_mounts(error);
	if (result < 0)
		return result;
	setenv(SW_CRIU_CGROUP, command.items[CGROUP], 1);
	setenv(SW_CRIU_LINK, command.items[LINK], 1);
	setenv(SW_CRIU_UPPER, command.items[UPPER], 1);
	return criu_execute(command.items + FIRST_ARGUMENT, error);
}

int main(int count, char **arguments)
{
	struct sw_error error = { 0 };
	const char *action = getenv("CRTOOLS_SCRIPT_ACTION");
	/* A daemon that is gone must not end the dump between freeze and record. */
	signal(SIGPIPE, SIG_IGN);
	if (action)
		return hook_run(action);
	if (count != 3 || strcmp(arguments[1], "dump") != 0) {
		dprintf(STDERR_FILENO, "usage: swarm-criu dump <file>\n");
		return 2;
	}
	dump(arguments[2], &error);
	dprintf(STDERR_FILENO, "swarm-criu: %s\n", error.message);
	return 1;
}
