#include "root-files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/cleanup.h"
#include "../common/file.h"
#include "../common/syscalls.h"

#define STAY (SW_RESOLVE_BENEATH | SW_RESOLVE_NO_SYMLINKS | SW_RESOLVE_NO_MAGICLINKS)

/* Directories above the last name of a path relative to `upper`. */
static int make_parents_in(int upper, const char *path)
{
	char parent[PATH_MAX];
	if ((size_t)snprintf(parent, sizeof parent, "%s", path) >= sizeof parent)
		return -ENAMETOOLONG;
	for (char *slash = strchr(parent, '/'), *name = parent; slash; name = slash + 1, slash = strchr(name, '/')) {
		char before[PATH_MAX] = ".";
		if (name > parent)
			snprintf(before, sizeof before, "%.*s", (int)(name - parent - 1), parent);
		SW_AUTOCLOSE int directory = sw_openat2(upper, before, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, STAY);
		*slash = 0;
		if (directory < 0 || (mkdirat(directory, name, 0755) < 0 && errno != EEXIST))
			return -errno;
		*slash = '/';
	}
	return 0;
}

static bool is_kept(int code)
{
	return code == ELOOP || code == ENXIO || code == EISDIR || code == ENOTDIR || code == EXDEV;
}

static int write_one(int upper, const struct sw_file *file)
{
	const char *path = file->path + strspn(file->path, "/");
	uint64_t flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	struct stat status;
	int result = make_parents_in(upper, path);
	if (result < 0)
		return result;
	SW_AUTOCLOSE int output = sw_openat2(upper, path, flags, 0644, STAY);
	if (output < 0)
		return -errno;
	if (fstat(output, &status) < 0 || !S_ISREG(status.st_mode))
		return -ENXIO;
	if (ftruncate(output, 0) < 0)
		return -errno;
	return sw_write_all(output, file->content, strlen(file->content));
}

int root_files_write(const struct sw_launch *launch, const char *directory, struct sw_error *error)
{
	char path[PATH_MAX];
	if (launch->file_count == 0)
		return 0;
	snprintf(path, sizeof path, "%s/upper", directory);
	SW_AUTOCLOSE int upper = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (upper < 0)
		return sw_fail(error, errno, "open", path);
	for (size_t i = 0; i < launch->file_count; i++) {
		int result = write_one(upper, &launch->files[i]);
		if (result < 0 && !is_kept(-result))
			return sw_fail(error, -result, "write", launch->files[i].path);
	}
	return 0;
}
