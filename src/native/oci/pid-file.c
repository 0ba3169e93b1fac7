#include "pid-file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/cleanup.h"
#include "../common/syscalls.h"

static const char step[] = "find the container's process";

/* Field 22 of proc_pid_stat(5), in clock ticks since boot; 0 when there is no such process, or it has ended. */
static unsigned long long start_time_of(pid_t pid)
{
	char path[48], text[1024], state;
	unsigned long long start_time;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	SW_AUTOCLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = file < 0 ? -1 : SW_RETRY(read(file, text, sizeof text - 1));
	if (size <= 0)
		return 0;
	text[size] = 0;
	/* The name may hold anything, also spaces and parentheses. */
	char *end = strrchr(text, ')');
	static const char fields[] = ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu";
	if (!end || sscanf(end, fields, &state, &start_time) != 2 || state == 'Z' || state == 'X')
		return 0;
	return start_time;
}

int pid_file_write(int directory, pid_t pid, struct sw_error *error)
{
	unsigned long long start_time = start_time_of(pid);
	if (!start_time)
		return sw_fail(error, ESRCH, step, NULL);
	SW_AUTOCLOSE int file = openat(directory, "pid.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0 || dprintf(file, "%d %llu\n", (int)pid, start_time) < 0 ||
	    renameat(directory, "pid.new", directory, "pid") < 0)
		return sw_fail(error, errno, "write the pid file", NULL);
	return 0;
}

int pid_file_tell(const char *path, pid_t pid, struct sw_error *error)
{
	char temporary[PATH_MAX];
	if ((size_t)snprintf(temporary, sizeof temporary, "%s.%d", path, (int)pid) >= sizeof temporary)
		return sw_fail(error, ENAMETOOLONG, "write --pid-file", path);
	SW_AUTOCLOSE int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (file >= 0 && dprintf(file, "%d", (int)pid) > 0 && rename(temporary, path) == 0)
		return 0;
	int result = sw_fail(error, errno, "write --pid-file", path);
	if (file >= 0)
		unlink(temporary);
	return result;
}

int pid_file_open(int directory, pid_t *pid, struct sw_error *error)
{
	char text[64];
	int number;
	unsigned long long start_time;
	SW_AUTOCLOSE int file = openat(directory, "pid", O_RDONLY | O_CLOEXEC);
	ssize_t size = file < 0 ? -1 : SW_RETRY(read(file, text, sizeof text - 1));
	if (size < 0)
		return sw_fail(error, errno, step, NULL);
	text[size] = 0;
	if (sscanf(text, "%d %llu", &number, &start_time) != 2 || number < 1)
		return sw_fail(error, EINVAL, step, NULL);
	SW_AUTOCLOSE int process = sw_pidfd_open(number);
	/* The descriptor first: then the pid stays that process's for as long as we look. */
	if (process < 0 || start_time_of(number) != start_time)
		return sw_fail(error, ESRCH, step, NULL);
	*pid = number;
	int result = process;
	process = -1;
	return result;
}
