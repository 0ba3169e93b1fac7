#include "program.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "cleanup.h"
#include "syscalls.h"
#include "tree.h"

int sw_program_open(const char *name, struct sw_error *error)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
	if (length < 0)
		return sw_fail(error, errno, "find program", name);
	path[length] = 0;
	char *end = strrchr(path, '/') + 1;
	size_t left = sizeof path - (size_t)(end - path);
	if ((size_t)snprintf(end, left, "%s", name) >= left)
		return sw_fail(error, ENAMETOOLONG, "find program", name);
	return sw_tree_clone(path, false, SW_ATTR_RDONLY, 0, error);
}

bool sw_program_is_protected(void)
{
	struct statvfs status;
	return statvfs("/proc/self/exe", &status) == 0 && (status.f_flag & ST_RDONLY);
}
