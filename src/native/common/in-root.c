#include "in-root.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "syscalls.h"

/* The kernel gives EAGAIN when something is renamed meanwhile. */
#define TRIES_MAX 32

int in_root_find(int root, const char *path)
{
	const char *inside = path[strspn(path, "/")] ? path : ".";
	for (int tries = 0; tries < TRIES_MAX; tries++) {
		int found = sw_openat2(root, inside, O_PATH | O_CLOEXEC, 0, SW_RESOLVE_IN_ROOT | SW_RESOLVE_NO_MAGICLINKS);
		if (found >= 0 || errno != EAGAIN)
			return found >= 0 ? found : -errno;
	}
	return -EAGAIN;
}

int in_root_parent(int root, const char *path, const char **name, struct sw_error *error)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	if ((size_t)snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path) >= sizeof parent)
		return sw_fail(error, ENAMETOOLONG, "find in the root", path);
	*name = slash + 1;
	return in_root_open(root, parent, true, error);
}

static int make(int root, const char *path, bool is_directory, struct sw_error *error)
{
	const char *name;
	SW_AUTOCLOSE int parent = in_root_parent(root, path, &name, error);
	if (parent < 0)
		return parent;
	int made = is_directory ? mkdirat(parent, name, 0755) : mknodat(parent, name, S_IFREG | 0644, 0);
	return made < 0 && errno != EEXIST ? sw_fail(error, errno, "make in the root", path) : 0;
}

int in_root_open(int root, const char *path, bool is_directory, struct sw_error *error)
{
	int found = in_root_find(root, path);
	if (found == -ENOENT) {
		int result = make(root, path, is_directory, error);
		if (result < 0)
			return result;
		found = in_root_find(root, path);
	}
	return found < 0 ? sw_fail(error, -found, "find in the root", path) : found;
}
