#include "hostname.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/file.h"
#include "control.h"

/*
 * In place, so that what is mounted shows it. Nobody has written there but the init; where the image has something else it did not. Truncated
 * only when it is shorter: ext4 takes 2 ms to truncate what was just written.
 */
static int write_hostname(const char *name)
{
	char content[CONTROL_LINE_MAX];
	struct stat status;
	size_t size = (size_t)snprintf(content, sizeof content, "%s\n", name);
	SW_AUTOCLOSE int file = open("upper/etc/hostname", O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (file < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == EISDIR || errno == ENOTDIR))
		return 0;
	if (file < 0 || fstat(file, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return 0;
	if ((size_t)status.st_size > size && ftruncate(file, (off_t)size) < 0)
		return -errno;
	return sw_write_all(file, content, size);
}

int hostname_give(pid_t pid, const char *name)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/uts", (int)pid);
	SW_AUTOCLOSE int space = open(path, O_RDONLY | O_CLOEXEC);
	if (space < 0 || setns(space, CLONE_NEWUTS) < 0 || sethostname(name, strlen(name)) < 0)
		return -errno;
	return write_hostname(name);
}
