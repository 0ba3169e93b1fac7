#include "mounts.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "../common/cleanup.h"
#include "../common/copy-up.h"
#include "../common/in-root.h"
#include "../common/syscalls.h"
#include "../common/tree.h"

#define SW_MOVE_MOUNT_T_EMPTY_PATH 0x40u
#define STRICT (SW_ATTR_NOSUID | SW_ATTR_NODEV | SW_ATTR_NOEXEC | SW_ATTR_RDONLY)
#define NULL_DEVICE makedev(1, 3)

int mounts_change(int descriptor, bool recursive, uint64_t set, uint64_t clear, uint64_t propagation)
{
	struct sw_mount_attr attributes = { .attr_set = set, .attr_clr = clear, .propagation = propagation };
	unsigned flags = AT_EMPTY_PATH | (recursive ? SW_AT_RECURSIVE : 0);
	if (set == 0 && clear == 0 && propagation == 0)
		return 0;
	return syscall(SW_NR_MOUNT_SETATTR, descriptor, "", flags, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

static int attach(int tree, int target)
{
	unsigned flags = SW_MOVE_MOUNT_F_EMPTY_PATH | SW_MOVE_MOUNT_T_EMPTY_PATH;
	return syscall(SW_NR_MOVE_MOUNT, tree, "", target, "", flags) < 0 ? -errno : 0;
}

static int configure(int context, const char *key, const char *value)
{
	unsigned kind = value ? SW_FSCONFIG_SET_STRING : SW_FSCONFIG_SET_FLAG;
	return syscall(SW_NR_FSCONFIG, context, kind, key, value, 0) < 0 ? -errno : 0;
}

/* What the file system itself says about a refused option, one line without its mark. */
static int refuse(int context, int code, const struct plan_mount *mount, const char *option, struct sw_error *error)
{
	char text[160];
	ssize_t size = read(context, text, sizeof text - 1);
	text[size > 0 ? size : 0] = 0;
	return sw_refuse(error, -code, "mount", "mount %s at %s%s%s: %s%s%s", mount->type, mount->target,
			 option ? " with " : "", option ? option : "", strerror(-code), size > 2 ? ": " : "",
			 size > 2 ? text + 2 : "");
}

static int set_option(int context, const char *option)
{
	char key[256];
	const char *value = strchr(option, '=');
	if (!value)
		return configure(context, option, NULL);
	if ((size_t)snprintf(key, sizeof key, "%.*s", (int)(value - option), option) >= sizeof key)
		return -ENAMETOOLONG;
	return configure(context, key, value + 1);
}

static int make_file_system(const struct plan_mount *mount, struct sw_error *error)
{
	SW_AUTOCLOSE int context = (int)syscall(SW_NR_FSOPEN, mount->type, SW_FSOPEN_CLOEXEC);
	if (context < 0)
		return sw_refuse(error, errno, "mount", "mount %s at %s: %s", mount->type, mount->target, strerror(errno));
	int result = *mount->source ? configure(context, "source", mount->source) : 0;
	if (result < 0)
		return refuse(context, result, mount, "its source", error);
	for (size_t i = 0; i < mount->options.count; i++) {
		result = set_option(context, mount->options.items[i]);
		if (result < 0)
			return refuse(context, result, mount, mount->options.items[i], error);
	}
	if (syscall(SW_NR_FSCONFIG, context, SW_FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return refuse(context, -errno, mount, NULL, error);
	int tree = (int)syscall(SW_NR_FSMOUNT, context, SW_FSMOUNT_CLOEXEC, 0);
	return tree < 0 ? refuse(context, -errno, mount, NULL, error) : tree;
}

static int change(int tree, const struct plan_mount *mount, struct sw_error *error)
{
	int result = mounts_change(tree, false, mount->set, mount->clear, 0);
	if (result == 0)
		result = mounts_change(tree, true, mount->set_below, mount->clear_below, 0);
	return result < 0 ? sw_fail(error, -result, "set the attributes of the mount at", mount->target) : 0;
}

/* Only a mounted tree can be shared: propagation comes last. */
static int propagate(int tree, const struct plan_mount *mount, struct sw_error *error)
{
	int result = mounts_change(tree, false, 0, 0, mount->propagation);
	if (result == 0)
		result = mounts_change(tree, true, 0, 0, mount->propagation_below);
	return result < 0 ? sw_fail(error, -result, "set the propagation of the mount at", mount->target) : 0;
}

static int show(int tree, bool is_directory, const struct plan_mount *mount, int root, struct sw_error *error)
{
	int result = change(tree, mount, error);
	SW_AUTOCLOSE int target = result < 0 ? -1 : in_root_open(root, mount->target, is_directory, error);
	if (target < 0)
		return result < 0 ? result : target;
	result = attach(tree, target);
	return result < 0 ? sw_fail(error, -result, "mount at", mount->target) : propagate(tree, mount, error);
}

static int make_tree(const struct plan_mount *mount, int root, struct sw_error *error)
{
	struct stat status;
	SW_AUTOCLOSE int tree = mount->tree >= 0 ? fcntl(mount->tree, F_DUPFD_CLOEXEC, 3) :
						   sw_tree_clone(mount->source, mount->recursive, 0, 0, error);
	if (tree < 0)
		return error->code ? tree : sw_fail(error, errno, "take the mount of", mount->source);
	if (fstat(tree, &status) < 0)
		return sw_fail(error, errno, "examine", mount->source);
	return show(tree, S_ISDIR(status.st_mode), mount, root, error);
}

static int make_link(const struct plan_mount *mount, int root, struct sw_error *error)
{
	const char *name;
	SW_AUTOCLOSE int parent = in_root_parent(root, mount->target, &name, error);
	if (parent < 0)
		return parent;
	return symlinkat(mount->source, parent, name) < 0 && errno != EEXIST ?
		       sw_fail(error, errno, "make link", mount->target) :
		       0;
}

static int change_present(const struct plan_mount *mount, int root, struct sw_error *error)
{
	SW_AUTOCLOSE int target = in_root_find(root, mount->target);
	return target < 0 ? sw_fail(error, -target, "find in the root", mount->target) : change(target, mount, error);
}

/* An absent target has nothing to copy. */
static int fill(int tree, const struct plan_mount *mount, int root, struct sw_error *error)
{
	SW_AUTOCLOSE int target = in_root_find(root, mount->target);
	SW_AUTOCLOSE int source = target < 0 ? -1 : openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SW_AUTOCLOSE int inside = source < 0 ? -1 : openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target == -ENOENT)
		return 0;
	return inside < 0 ? sw_fail(error, target < 0 ? -target : errno, "open", mount->target) :
			    copy_up(source, inside, error);
}

static int make_one(const struct plan_mount *mount, int root, struct sw_error *error)
{
	switch (mount->kind) {
	case PLAN_MOUNT_TREE:
		return make_tree(mount, root, error);
	case PLAN_MOUNT_LINK:
		return make_link(mount, root, error);
	case PLAN_MOUNT_CHANGE:
		return change_present(mount, root, error);
	case PLAN_MOUNT_FILE_SYSTEM:
		break;
	}
	SW_AUTOCLOSE int tree = make_file_system(mount, error);
	int result = tree < 0 ? tree : mount->copy_up ? fill(tree, mount, root, error) : 0;
	return result < 0 ? result : show(tree, true, mount, root, error);
}

int mounts_make(const struct plan *plan, int root, struct sw_error *error)
{
	int result = 0;
	for (size_t i = 0; i < plan->mount_count && result == 0; i++)
		result = make_one(&plan->mounts[i], root, error);
	return result;
}

static int clone_of(int descriptor, bool recursive)
{
	unsigned flags = SW_OPEN_TREE_CLONE | SW_OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? SW_AT_RECURSIVE : 0);
	int tree = (int)syscall(SW_NR_OPEN_TREE, descriptor, "", flags);
	return tree < 0 ? -errno : tree;
}

static int bind_tree(int root, int tree, const char *path, struct sw_error *error)
{
	SW_AUTOCLOSE int target = in_root_open(root, path, false, error);
	if (target < 0)
		return target;
	int result = attach(tree, target);
	return result < 0 ? sw_fail(error, -result, "bind over", path) : 0;
}

int mounts_bind_file(int root, const char *source, const char *path, struct sw_error *error)
{
	SW_AUTOCLOSE int tree = sw_tree_clone(source, false, 0, 0, error);
	return tree < 0 ? tree : bind_tree(root, tree, path, error);
}

int mounts_bind(int root, int file, const char *path, struct sw_error *error)
{
	SW_AUTOCLOSE int tree = clone_of(file, false);
	return tree < 0 ? sw_fail(error, -tree, "bind over", path) : bind_tree(root, tree, path, error);
}

/* The container's /dev/null hides files, when it is what it is called (CVE-2025-31133). */
static int null_of(int root, struct sw_error *error)
{
	struct stat status;
	int null = in_root_find(root, "/dev/null");
	if (null >= 0 && fstat(null, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == NULL_DEVICE)
		return null;
	sw_close(&null);
	return sw_refuse(error, ENODEV, "mask", "mask paths: the container's /dev/null is no null device");
}

static int empty_directory(struct sw_error *error)
{
	const struct plan_mount empty = { .type = "tmpfs", .source = "tmpfs", .target = "a masked path" };
	int tree = make_file_system(&empty, error);
	int result = tree < 0 ? tree : mounts_change(tree, false, STRICT, 0, 0);
	if (tree >= 0 && result < 0)
		sw_close(&tree);
	return tree >= 0 && result < 0 ? sw_fail(error, -result, "make read-only", "an empty directory") : tree;
}

static int mask(int root, const char *path, struct sw_error *error)
{
	struct stat status;
	SW_AUTOCLOSE int target = in_root_find(root, path);
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0 || fstat(target, &status) < 0)
		return sw_fail(error, target < 0 ? -target : errno, "mask", path);
	SW_AUTOCLOSE int null = S_ISDIR(status.st_mode) ? -1 : null_of(root, error);
	SW_AUTOCLOSE int tree = S_ISDIR(status.st_mode) ? empty_directory(error) : null < 0 ? null : clone_of(null, false);
	if (tree < 0)
		return error->code ? tree : sw_fail(error, -tree, "mask", path);
	int result = attach(tree, target);
	return result < 0 ? sw_fail(error, -result, "mask", path) : 0;
}

static int make_read_only(int root, const char *path, struct sw_error *error)
{
	SW_AUTOCLOSE int target = in_root_find(root, path);
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	SW_AUTOCLOSE int tree = target < 0 ? target : clone_of(target, true);
	int result = tree < 0 ? tree : mounts_change(tree, false, SW_ATTR_RDONLY, 0, 0);
	if (result == 0)
		result = attach(tree, target);
	return result < 0 ? sw_fail(error, -result, "make read-only", path) : 0;
}

int mounts_hide(const struct plan *plan, int root, struct sw_error *error)
{
	int result = 0;
	for (size_t i = 0; i < plan->read_only_paths.count && result == 0; i++)
		result = make_read_only(root, plan->read_only_paths.items[i], error);
	for (size_t i = 0; i < plan->masked.count && result == 0; i++)
		result = mask(root, plan->masked.items[i], error);
	return result;
}
