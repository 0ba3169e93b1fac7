#include "volumes.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/cleanup.h"
#include "../common/copy-up.h"
#include "../common/in-root.h"
#include "../common/syscalls.h"
#include "../common/tree.h"

#define KEPT_OUT (SW_ATTR_NOSUID | SW_ATTR_NODEV)
#define NO_LINKS (SW_RESOLVE_NO_SYMLINKS | SW_RESOLVE_NO_MAGICLINKS)
#define DATA "data"
/* Until it holds what the image has: whoever finds `data` finds all of it. */
#define FILLING "filling"

struct volume_tree {
	int tree;
	int home; /* the directory of a named volume whose data are still in FILLING; else -1 */
	bool is_directory;
};

static const struct volume_tree nothing = { -1, -1, true };

static int take_new(const struct sw_volume *volume, struct volume_tree *taken, struct sw_error *error)
{
	if (mkdirat(taken->home, FILLING, 0755) < 0)
		return sw_fail(error, errno, "make the volume", volume->source);
	SW_AUTOCLOSE int filling = openat(taken->home, FILLING, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	taken->tree = filling < 0 ? -1 : sw_tree_clone_at(filling, KEPT_OUT, error);
	return filling < 0 ? sw_fail(error, errno, "open the volume", volume->source) : taken->tree;
}

static int take_named(const struct sw_volume *volume, struct volume_tree *taken, struct sw_error *error)
{
	SW_AUTOCLOSE int home = open(volume->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (home < 0)
		return sw_fail(error, errno, "open the volume", volume->source);
	SW_AUTOCLOSE int data = openat(home, DATA, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (data < 0 && errno != ENOENT)
		return sw_fail(error, errno, "open the volume", volume->source);
	if (data >= 0) {
		taken->tree = sw_tree_clone_at(data, KEPT_OUT, error);
		return taken->tree;
	}
	taken->home = home;
	home = -1;
	return take_new(volume, taken, error);
}

/* Without links, so that nobody who may write along the path chooses what is shown. */
static int take_host_path(const struct sw_volume *volume, struct volume_tree *taken, struct sw_error *error)
{
	struct stat status;
	SW_AUTOCLOSE int source = sw_openat2(AT_FDCWD, volume->source, O_PATH | O_CLOEXEC, 0, NO_LINKS);
	if (source < 0 && errno == ELOOP)
		return sw_refuse(error, ELOOP, "show", "show %s: a symbolic link is part of the path, wanted where it leads to",
				 volume->source);
	if (source < 0 || fstat(source, &status) < 0)
		return sw_fail(error, errno, "show", volume->source);
	taken->is_directory = S_ISDIR(status.st_mode);
	taken->tree = sw_tree_clone_below(source, KEPT_OUT, error);
	return taken->tree;
}

static int configure(int context, const char *key, const char *value)
{
	return syscall(SW_NR_FSCONFIG, context, SW_FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

static int make_tmpfs(int context, const struct sw_volume *volume, uint32_t owner)
{
	char bytes[24], id[16];
	snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)volume->bytes);
	snprintf(id, sizeof id, "%u", owner);
	int result = configure(context, "source", "tmpfs");
	if (result == 0)
		result = configure(context, "size", bytes);
	if (result == 0)
		result = configure(context, "mode", "1777");
	if (result == 0)
		result = configure(context, "uid", id);
	if (result == 0)
		result = configure(context, "gid", id);
	if (result == 0 && syscall(SW_NR_FSCONFIG, context, SW_FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		result = -errno;
	return result;
}

static int take_tmpfs(const struct sw_volume *volume, uint32_t owner, struct volume_tree *taken, struct sw_error *error)
{
	SW_AUTOCLOSE int context = (int)syscall(SW_NR_FSOPEN, "tmpfs", SW_FSOPEN_CLOEXEC);
	int result = context < 0 ? -errno : make_tmpfs(context, volume, owner);
	if (result == 0)
		taken->tree = (int)syscall(SW_NR_FSMOUNT, context, SW_FSMOUNT_CLOEXEC, KEPT_OUT);
	if (result == 0 && taken->tree < 0)
		result = -errno;
	return result < 0 ? sw_fail(error, -result, "make a tmpfs for", volume->target) : 0;
}

static int take(const struct sw_volume *volume, const struct sw_userns *userns, struct volume_tree *taken,
		struct sw_error *error)
{
	int result;
	switch (volume->kind) {
	case SW_VOLUME_NAMED:
		result = take_named(volume, taken, error);
		break;
	case SW_VOLUME_HOST_PATH:
		result = take_host_path(volume, taken, error);
		break;
	case SW_VOLUME_TMPFS:
		return take_tmpfs(volume, userns->fd < 0 ? 0 : userns->base, taken, error);
	default:
		return sw_refuse(error, EINVAL, "take a volume", "take a volume: of an unknown kind");
	}
	return result < 0 ? result : sw_userns_map_tree(userns, taken->tree, true, error);
}

int volumes_take(const struct sw_launch *launch, const struct sw_userns *userns, struct volume_trees *trees,
		 struct sw_error *error)
{
	int result = 0;
	*trees = (struct volume_trees){ calloc(launch->volume_count + 1, sizeof *trees->items), 0 };
	if (!trees->items)
		return sw_fail(error, ENOMEM, "list the volumes", NULL);
	for (size_t i = 0; i < launch->volume_count && result >= 0; i++) {
		trees->items[i] = nothing;
		trees->count++;
		result = take(&launch->volumes[i], userns, &trees->items[i], error);
	}
	return result < 0 ? result : 0;
}

/* A new volume begins with what the image has at its place, owner and mode too: a workload that is not root can then write there. */
static int fill(int root, const struct sw_volume *volume, const struct volume_tree *taken, struct sw_error *error)
{
	struct stat status;
	SW_AUTOCLOSE int target = in_root_find(root, volume->target);
	if (target == -ENOENT)
		return 0;
	SW_AUTOCLOSE int image = target < 0 ? -1 : openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SW_AUTOCLOSE int inside = image < 0 ? -1 : openat(taken->tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (inside < 0)
		return sw_fail(error, target < 0 ? -target : errno, "fill the volume at", volume->target);
	int result = copy_up(image, inside, error);
	/* Its name says that it is whole, also after a power cut. */
	if (result == 0 &&
	    (fstat(image, &status) < 0 || fchmod(inside, status.st_mode & 07777) < 0 || syncfs(inside) < 0))
		result = sw_fail(error, errno, "fill the volume at", volume->target);
	return result;
}

/* From here on it is a volume: the next ones show it as it is. */
static int keep(const struct sw_volume *volume, struct volume_tree *taken, struct sw_error *error)
{
	if (syscall(SYS_renameat2, taken->home, FILLING, taken->home, DATA, RENAME_NOREPLACE) < 0)
		return sw_fail(error, errno, "make the volume", volume->source);
	sw_close(&taken->home);
	return 0;
}

static int refuse_root(int root, int target, const struct sw_volume *volume, struct sw_error *error)
{
	struct stat all, here;
	if (fstat(root, &all) < 0 || fstat(target, &here) < 0)
		return sw_fail(error, errno, "examine", volume->target);
	if (all.st_dev != here.st_dev || all.st_ino != here.st_ino)
		return 0;
	return sw_refuse(error, EINVAL, "mount at", "mount at %s: it leads to the root itself", volume->target);
}

static int make_read_only(int tree, const struct sw_volume *volume, struct sw_error *error)
{
	struct sw_mount_attr attributes = { .attr_set = SW_ATTR_RDONLY };
	if (!volume->read_only)
		return 0;
	if (syscall(SW_NR_MOUNT_SETATTR, tree, "", SW_AT_EMPTY_PATH | SW_AT_RECURSIVE, &attributes, sizeof attributes) < 0)
		return sw_fail(error, errno, "make read-only", volume->target);
	return 0;
}

static int show(int root, const struct sw_volume *volume, struct volume_tree *taken, struct sw_error *error)
{
	int result = taken->home < 0 ? 0 : fill(root, volume, taken, error);
	if (result == 0)
		result = make_read_only(taken->tree, volume, error);
	SW_AUTOCLOSE int target = result < 0 ? -1 : in_root_open(root, volume->target, taken->is_directory, error);
	if (target < 0)
		return result < 0 ? result : target;
	result = refuse_root(root, target, volume, error);
	if (result == 0)
		result = sw_tree_attach_at(taken->tree, target, volume->target, error);
	return result == 0 && taken->home >= 0 ? keep(volume, taken, error) : result;
}

int volumes_show(const struct sw_launch *launch, struct volume_trees *trees, struct sw_error *error)
{
	SW_AUTOCLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int result = root < 0 ? sw_fail(error, errno, "open the root", NULL) : 0;
	for (size_t i = 0; i < trees->count; i++) {
		if (result == 0)
			result = show(root, &launch->volumes[i], &trees->items[i], error);
		sw_close(&trees->items[i].tree);
		sw_close(&trees->items[i].home);
	}
	free(trees->items);
	return result;
}
