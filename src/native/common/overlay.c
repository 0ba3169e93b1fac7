#include "overlay.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "cleanup.h"
#include "syscalls.h"
#include "tree.h"

static const char step[] = "mount the root overlay";
/* index=off: an upper directory that came from another machine has other inode numbers below it. */
static const char fixed_options[] = "volatile,index=off";
/* mount(2) takes one page of options. */
#define OPTIONS_SIZE 4096

static int append_escaped(char *option, size_t size, size_t used, const char *path)
{
	for (; *path; path++) {
		if (strchr("\\,:", *path) && used + 1 < size)
			option[used++] = '\\';
		if (used + 1 >= size)
			return -ENOSPC;
		option[used++] = *path;
	}
	option[used] = 0;
	return (int)used;
}

int sw_overlay_lower_option(const struct sw_strings *lower, size_t skip, char *option, size_t size)
{
	int used = 0;
	for (size_t i = 0; i < lower->count; i++) {
		if (i > 0) {
			if ((size_t)used + 1 >= size)
				return -ENOSPC;
			option[used++] = ':';
		}
		used = append_escaped(option, size, (size_t)used, lower->items[i] + skip);
		if (used < 0)
			return used;
	}
	return used;
}

static void remove_volatile_mark(const char *directory)
{
	static const struct {
		const char *path;
		int flags;
	} parts[] = { { "work/work/incompat/volatile/dirty", 0 }, { "work/work/incompat/volatile", AT_REMOVEDIR } };
	SW_AUTOCLOSE int root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < 2; i++)
		if (unlinkat(root, parts[i].path, parts[i].flags) < 0)
			return;
}

/* 0, -ENOSPC when the options do not fit, other -errno. Lower directories relative to the working directory when skip > 0. */
static int mount_by_option(const struct sw_launch *launch, const char *directory, size_t skip)
{
	char options[OPTIONS_SIZE], escaped[OPTIONS_SIZE], merged[PATH_MAX];
	int used = snprintf(options, sizeof options, "%s,lowerdir=", fixed_options);
	int length = sw_overlay_lower_option(&launch->lower, skip, options + used, sizeof options - (size_t)used);
	if (length < 0 || append_escaped(escaped, sizeof escaped, 0, directory) < 0)
		return -ENOSPC;
	used += length;
	size_t left = sizeof options - (size_t)used;
	length = snprintf(options + used, left, ",upperdir=%s/upper,workdir=%s/work", escaped, escaped);
	if ((size_t)length >= left)
		return -ENOSPC;
	snprintf(merged, sizeof merged, "%s/merged", directory);
	return mount("overlay", merged, "overlay", 0, options) < 0 ? -errno : 0;
}

static int configure(int context, const char *key, const char *value)
{
	unsigned kind = value ? SW_FSCONFIG_SET_STRING : SW_FSCONFIG_SET_FLAG;
	return syscall(SW_NR_FSCONFIG, context, kind, key, value, 0) < 0 ? -errno : 0;
}

static int configure_directories(int context, const struct sw_launch *launch, const char *directory)
{
	char path[PATH_MAX];
	int result = 0;
	for (size_t i = 0; i < launch->lower.count && result == 0; i++)
		result = configure(context, "lowerdir+", launch->lower.items[i]);
	snprintf(path, sizeof path, "%s/upper", directory);
	if (result == 0)
		result = configure(context, "upperdir", path);
	snprintf(path, sizeof path, "%s/work", directory);
	if (result == 0)
		result = configure(context, "workdir", path);
	if (result == 0)
		result = configure(context, "index", "off");
	return result == 0 ? configure(context, "volatile", NULL) : result;
}

/* One lower directory per call (Linux 6.8): no limit but the kernel's 500 layers. -EINVAL on older kernels. */
static int mount_by_context(const struct sw_launch *launch, const char *directory)
{
	char merged[PATH_MAX];
	SW_AUTOCLOSE int context = (int)syscall(SW_NR_FSOPEN, "overlay", SW_FSOPEN_CLOEXEC);
	if (context < 0)
		return -errno;
	int result = configure_directories(context, launch, directory);
	if (result < 0)
		return result;
	if (syscall(SW_NR_FSCONFIG, context, SW_FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	SW_AUTOCLOSE int tree = (int)syscall(SW_NR_FSMOUNT, context, SW_FSMOUNT_CLOEXEC, 0);
	if (tree < 0)
		return -errno;
	snprintf(merged, sizeof merged, "%s/merged", directory);
	return syscall(SW_NR_MOVE_MOUNT, tree, "", AT_FDCWD, merged, SW_MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static int configure_fd(int context, const char *key, int descriptor)
{
	return syscall(SW_NR_FSCONFIG, context, SW_FSCONFIG_SET_FD, key, NULL, descriptor) < 0 ? -errno : 0;
}

static int mapped_tree(const char *path, const struct sw_userns *userns, struct sw_error *error)
{
	int tree = sw_tree_clone(path, false, 0, 0, error);
	int result = tree < 0 ? tree : sw_userns_map_tree(userns, tree, false, error);
	if (result < 0 && tree >= 0)
		close(tree);
	return result < 0 ? result : tree;
}

/* Trees stay open until the overlay has made mounts of its own from them. */
struct trees {
	int *items;
	size_t count;
};

static void close_trees(struct trees *trees)
{
	for (size_t i = 0; i < trees->count; i++)
		close(trees->items[i]);
	free(trees->items);
}

static int take_tree(struct trees *trees, const char *path, const struct sw_userns *userns, struct sw_error *error)
{
	int tree = mapped_tree(path, userns, error);
	if (tree >= 0)
		trees->items[trees->count++] = tree;
	return tree;
}

static int configure_upper(int context, int tree)
{
	SW_AUTOCLOSE int upper = openat(tree, "upper", O_PATH | O_DIRECTORY | O_CLOEXEC);
	SW_AUTOCLOSE int work = openat(tree, "work", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int result = configure_fd(context, "upperdir", upper);
	if (result == 0)
		result = configure_fd(context, "workdir", work);
	if (result == 0)
		result = configure(context, "index", "off");
	return result == 0 ? configure(context, "volatile", NULL) : result;
}

static int configure_mapped(int context, struct trees *trees, const struct sw_launch *launch, const char *directory,
			    const struct sw_userns *userns, struct sw_error *error)
{
	for (size_t i = 0; i < launch->lower.count; i++) {
		int tree = take_tree(trees, launch->lower.items[i], userns, error);
		int result = tree < 0 ? tree : configure_fd(context, "lowerdir+", tree);
		if (result == -EINVAL && tree >= 0)
			return sw_refuse(error, ENOTSUP, step, "%s: no layers by descriptor, wanted Linux 6.13", step);
		if (result < 0)
			return tree < 0 ? tree : sw_fail(error, -result, "add layer", launch->lower.items[i]);
	}
	int tree = take_tree(trees, directory, userns, error);
	if (tree < 0)
		return tree;
	int result = configure_upper(context, tree);
	if (result == 0 && syscall(SW_NR_FSCONFIG, context, SW_FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		result = -errno;
	return result < 0 ? sw_fail(error, -result, step, directory) : 0;
}

/* Layers by descriptor with mapped ids (Linux 6.13). */
static int mount_mapped(const struct sw_launch *launch, const char *directory, const struct sw_userns *userns,
			struct sw_error *error)
{
	char merged[PATH_MAX];
	SW_AUTOCLOSE int context = (int)syscall(SW_NR_FSOPEN, "overlay", SW_FSOPEN_CLOEXEC);
	if (context < 0)
		return sw_fail(error, errno, step, directory);
	struct trees trees = { calloc(launch->lower.count + 1, sizeof *trees.items), 0 };
	if (!trees.items)
		return sw_fail(error, ENOMEM, step, directory);
	int result = configure_mapped(context, &trees, launch, directory, userns, error);
	close_trees(&trees);
	if (result < 0)
		return result;
	SW_AUTOCLOSE int tree = (int)syscall(SW_NR_FSMOUNT, context, SW_FSMOUNT_CLOEXEC, 0);
	if (tree < 0)
		return sw_fail(error, errno, step, directory);
	snprintf(merged, sizeof merged, "%s/merged", directory);
	return sw_tree_attach(tree, merged, error);
}

/* Length of the longest directory (with its slash) that all lower directories lie in. */
static size_t common_parent(const struct sw_strings *lower)
{
	size_t length = strlen(lower->items[0]);
	for (size_t i = 1; i < lower->count; i++) {
		size_t same = 0;
		while (same < length && lower->items[0][same] == lower->items[i][same])
			same++;
		length = same;
	}
	while (length > 0 && lower->items[0][length - 1] != '/')
		length--;
	return length;
}

/* For older kernels: short names below the working directory, which the caller changes afterwards anyway. */
static int mount_by_short_names(const struct sw_launch *launch, const char *directory)
{
	char parent[PATH_MAX];
	size_t skip = common_parent(&launch->lower);
	if (skip == 0 || skip >= sizeof parent)
		return -ENOSPC;
	memcpy(parent, launch->lower.items[0], skip);
	parent[skip] = 0;
	return chdir(parent) < 0 ? -errno : mount_by_option(launch, directory, skip);
}

int sw_overlay_mount(const struct sw_launch *launch, const char *directory, const struct sw_userns *userns,
		     struct sw_error *error)
{
	remove_volatile_mark(directory);
	if (userns->fd >= 0)
		return mount_mapped(launch, directory, userns, error);
	int result = mount_by_option(launch, directory, 0);
	if (result == -ENOSPC)
		result = mount_by_context(launch, directory);
	if (result == -EINVAL && launch->lower.count > 1)
		result = mount_by_short_names(launch, directory);
	if (result == -ENOSPC)
		return sw_refuse(error, E2BIG, step, "%s: the names of %zu layers do not fit into one page, wanted Linux 6.8",
				 step, launch->lower.count);
	return result < 0 ? sw_fail(error, -result, step, directory) : 0;
}
