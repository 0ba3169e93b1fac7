#include "directories.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/cleanup.h"

int make_parents(const char *path, struct sw_error *error)
{
	char parent[PATH_MAX];
	if ((size_t)snprintf(parent, sizeof parent, "%s", path) >= sizeof parent)
		return sw_fail(error, ENAMETOOLONG, "make directory", path);
	for (char *slash = strchr(parent + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(parent, 0755) < 0 && errno != EEXIST)
			return sw_fail(error, errno, "make directory", parent);
		*slash = '/';
	}
	return 0;
}

int make_mount_point(const char *path, bool is_directory, struct sw_error *error)
{
	if (is_directory)
		return mkdir(path, 0755) < 0 && errno != EEXIST ? sw_fail(error, errno, "make directory", path) : 0;
	SW_AUTOCLOSE int file = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0644);
	return file < 0 ? sw_fail(error, errno, "make file", path) : 0;
}

int make_directories(const char *path, struct sw_error *error)
{
	int result = make_parents(path, error);
	return result < 0 ? result : make_mount_point(path, true, error);
}
