#include "hidden-paths.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "../common/cleanup.h"
#include "../common/syscalls.h"
#include "../common/tree.h"

#define STRICT (SW_ATTR_NOSUID | SW_ATTR_NODEV | SW_ATTR_NOEXEC)

/* Covers of masked paths: files get the null device, directories an empty directory. */
struct covers {
	int null, empty;
};

static int open_path(const char *path)
{
	return sw_openat2(AT_FDCWD, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0,
			  SW_RESOLVE_NO_SYMLINKS | SW_RESOLVE_NO_MAGICLINKS);
}

static int open_null(struct sw_error *error)
{
	static const char path[] = "/dev/null";
	struct stat status;
	int null = open_path(path);
	if (null < 0)
		return sw_fail(error, errno, "open", path);
	if (fstat(null, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3))
		return null;
	close(null);
	return sw_refuse(error, ENODEV, "open /dev/null", "/dev/null is not the null device");
}

static int open_empty(struct sw_error *error)
{
	int empty = open_path("/dev/pts");
	return empty < 0 ? sw_fail(error, errno, "open", "/dev/pts") : empty;
}

static bool starts_with(const char *path, const char *directory)
{
	size_t size = strlen(directory);
	return strncmp(path, directory, size) == 0 && path[size] == '/';
}

/* A path of the kernel's must lead to the kernel's own file system. -ENOENT: there is none. */
static int open_target(const char *path, bool *is_directory, struct sw_error *error)
{
	struct statfs system;
	struct stat status;
	int target = open_path(path);
	if (target < 0)
		return errno == ENOENT ? -ENOENT : sw_fail(error, errno, "hide", path);
	if (fstat(target, &status) < 0 || fstatfs(target, &system) < 0) {
		close(target);
		return sw_fail(error, errno, "hide", path);
	}
	if ((starts_with(path, "/proc") && system.f_type != PROC_SUPER_MAGIC) ||
	    (starts_with(path, "/sys") && system.f_type != SYSFS_MAGIC)) {
		close(target);
		return sw_refuse(error, EXDEV, "hide", "Cannot hide %s: it is not of the kernel's file system", path);
	}
	*is_directory = S_ISDIR(status.st_mode);
	return target;
}

static int cover(int target, int source, uint64_t attributes, const char *path, struct sw_error *error)
{
	SW_AUTOCLOSE int tree = sw_tree_clone_at(source, attributes, error);
	if (tree < 0)
		return tree;
	unsigned flags = SW_MOVE_MOUNT_F_EMPTY_PATH | SW_MOVE_MOUNT_T_EMPTY_PATH;
	if (syscall(SW_NR_MOVE_MOUNT, tree, "", target, "", flags) < 0)
		return sw_fail(error, errno, "cover", path);
	return 0;
}

static int mask(const struct covers *covers, const char *path, struct sw_error *error)
{
	bool is_directory;
	SW_AUTOCLOSE int target = open_target(path, &is_directory, error);
	if (target < 0)
		return target == -ENOENT ? 0 : target;
	if (is_directory)
		return cover(target, covers->empty, STRICT | SW_ATTR_RDONLY, path, error);
	/* With the attributes that /dev has. */
	return cover(target, covers->null, 0, path, error);
}

static int make_read_only(const char *path, struct sw_error *error)
{
	bool is_directory;
	SW_AUTOCLOSE int target = open_target(path, &is_directory, error);
	if (target < 0)
		return target == -ENOENT ? 0 : target;
	return cover(target, target, STRICT | SW_ATTR_RDONLY, path, error);
}

int hidden_paths_make(const struct sw_security *security, struct sw_error *error)
{
	SW_AUTOCLOSE int null = open_null(error);
	if (null < 0)
		return null;
	SW_AUTOCLOSE int empty = open_empty(error);
	if (empty < 0)
		return empty;
	struct covers covers = { null, empty };
	int result = 0;
	for (size_t i = 0; i < security->masked.count && result == 0; i++)
		result = mask(&covers, security->masked.items[i], error);
	for (size_t i = 0; i < security->read_only.count && result == 0; i++)
		result = make_read_only(security->read_only.items[i], error);
	return result;
}

int root_read_only(struct sw_error *error)
{
	struct sw_mount_attr attributes = { .attr_set = SW_ATTR_RDONLY };
	if (syscall(SW_NR_MOUNT_SETATTR, AT_FDCWD, "/", 0, &attributes, sizeof attributes) < 0)
		return sw_fail(error, errno, "make the root read-only", NULL);
	return 0;
}
