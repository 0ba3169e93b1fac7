#include "kernel-mounts.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>

#include "../common/cleanup.h"
#include "../common/syscalls.h"
#include "../common/tree.h"
#include "directories.h"
#include "hidden-paths.h"

/* `tty` of every distribution. */
#define TERMINAL_GROUP 5u
#define STRICT (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* STRICT as attributes of a mount. */
#define STRICT_TREE (SW_ATTR_NOSUID | SW_ATTR_NODEV | SW_ATTR_NOEXEC)

static int make_trees(struct device_trees *trees, struct sw_error *error)
{
	trees->proc = sw_tree_make("proc", STRICT_TREE, error);
	if (trees->proc < 0)
		return trees->proc;
	trees->sys = sw_tree_make("sysfs", STRICT_TREE | SW_ATTR_RDONLY, error);
	return trees->sys < 0 ? trees->sys : 0;
}

static void close_trees(struct device_trees *trees)
{
	sw_close(&trees->dev);
	sw_close(&trees->shm);
	sw_close(&trees->proc);
	sw_close(&trees->sys);
}

int device_trees_take(const char *directory, const struct sw_userns *userns, struct device_trees *trees,
		      struct sw_error *error)
{
	char path[PATH_MAX];
	uint64_t set = SW_ATTR_NOSUID | SW_ATTR_NOEXEC;
	*trees = (struct device_trees){ -1, -1, -1, -1 };
	snprintf(path, sizeof path, "%s/dev", directory);
	/* The state directory may lie on a file system that is mounted nodev. */
	trees->dev = sw_tree_clone(path, false, set, SW_ATTR_NODEV, error);
	if (trees->dev < 0)
		return trees->dev;
	snprintf(path, sizeof path, "%s/shm", directory);
	trees->shm = sw_tree_clone(path, false, set | SW_ATTR_NODEV, 0, error);
	int result = trees->shm < 0 ? trees->shm : sw_userns_map_tree(userns, trees->dev, false, error);
	if (result == 0)
		result = sw_userns_map_tree(userns, trees->shm, false, error);
	if (result == 0 && userns->mounts >= 0)
		result = make_trees(trees, error);
	if (result < 0)
		close_trees(trees);
	return result;
}

struct kernel_mount {
	const char *type, *target;
	unsigned long flags;
	const char *options;
};

static int mount_kernel(const struct kernel_mount *wanted, struct sw_error *error)
{
	const char *type = wanted->type;
	if (mount(type, wanted->target, type, wanted->flags, wanted->options) == 0)
		return 0;
	if (errno != ENOENT)
		return sw_fail(error, errno, "mount", wanted->target);
	int result = make_mount_point(wanted->target, true, error);
	if (result < 0)
		return result;
	if (mount(type, wanted->target, type, wanted->flags, wanted->options) < 0)
		return sw_fail(error, errno, "mount", wanted->target);
	return 0;
}

static int attach_tree(int *tree, const char *target, struct sw_error *error)
{
	int result = sw_tree_attach(*tree, target, error);
	if (result == -ENOENT) {
		result = make_mount_point(target, true, error);
		if (result == 0)
			result = sw_tree_attach(*tree, target, error);
	}
	sw_close(tree);
	return result;
}

int kernel_mounts_make(struct device_trees *trees, const struct sw_security *security, const struct sw_userns *userns,
		       struct sw_error *error)
{
	char options[80];
	static const struct kernel_mount proc = { "proc", "/proc", STRICT, NULL };
	static const struct kernel_mount sys = { "sysfs", "/sys", STRICT | MS_RDONLY, NULL };
	const struct kernel_mount pts = { "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, options };
	snprintf(options, sizeof options, "newinstance,ptmxmode=0666,mode=0620,gid=%u",
		 TERMINAL_GROUP + (userns->fd < 0 ? 0 : userns->base));
	bool made = trees->proc >= 0;
	int result = made ? attach_tree(&trees->proc, "/proc", error) : mount_kernel(&proc, error);
	if (result == 0)
		result = made ? attach_tree(&trees->sys, "/sys", error) : mount_kernel(&sys, error);
	if (result == 0)
		result = attach_tree(&trees->dev, "/dev", error);
	if (result == 0)
		result = attach_tree(&trees->shm, "/dev/shm", error);
	if (result == 0)
		result = hidden_paths_make(security, error);
	return result == 0 ? mount_kernel(&pts, error) : result;
}
