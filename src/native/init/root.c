#include "root.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "../common/cleanup.h"
#include "../common/overlay.h"
#include "../common/syscalls.h"
#include "../common/tree.h"
#include "directories.h"
#include "hidden-paths.h"
#include "kernel-mounts.h"
#include "root-files.h"
#include "volumes.h"

/* Something of the host that will be shown at `target`: a mount tree, or a symbolic link with `link` as its text. */
struct shown {
	int tree; /* -1: a link */
	bool is_directory;
	const char *target;
	char *link;
};

struct shown_list {
	struct shown *items;
	size_t count;
};

static int take_tree(const char *source, const char *target, bool read_only, const struct sw_userns *userns,
		     struct shown *shown, struct sw_error *error)
{
	struct stat status;
	int tree = sw_tree_clone(source, true, SW_ATTR_NOSUID | SW_ATTR_NODEV | (read_only ? SW_ATTR_RDONLY : 0), 0,
				 error);
	if (tree < 0)
		return tree;
	/* What is only read may stay unmapped, on a file system that cannot: its owners are nobody then. */
	int result = sw_userns_map_tree(userns, tree, true, error);
	if (result < 0 && !(result == -EINVAL && read_only)) {
		close(tree);
		return result;
	}
	if (fstat(tree, &status) < 0) {
		close(tree);
		return sw_fail(error, errno, "examine", source);
	}
	*shown = (struct shown){ tree, S_ISDIR(status.st_mode), target, NULL };
	return 0;
}

static int take_link(const char *path, struct shown *shown, struct sw_error *error)
{
	char text[PATH_MAX];
	ssize_t size = readlink(path, text, sizeof text - 1);
	if (size < 0)
		return sw_fail(error, errno, "read link", path);
	text[size] = 0;
	*shown = (struct shown){ -1, false, path, strdup(text) };
	return shown->link ? 0 : sw_fail(error, ENOMEM, "read link", path);
}

/* Host paths: an absent one is left out, a symbolic link (merged /usr) is made again. */
static int take_host_path(const char *path, const struct sw_userns *userns, struct shown_list *list,
			  struct sw_error *error)
{
	struct stat status;
	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : sw_fail(error, errno, "examine host path", path);
	struct shown *shown = &list->items[list->count];
	int result = S_ISLNK(status.st_mode) ? take_link(path, shown, error) :
					       take_tree(path, path, true, userns, shown, error);
	list->count += result == 0;
	return result;
}

static int take_all(const struct sw_launch *launch, const struct sw_userns *userns, struct shown_list *list,
		    struct sw_error *error)
{
	int result = 0;
	list->count = 0;
	list->items = calloc(launch->host.count + launch->bind_count + 1, sizeof *list->items);
	if (!list->items)
		return sw_fail(error, ENOMEM, "list the bind mounts", NULL);
	for (size_t i = 0; i < launch->host.count && result == 0; i++)
		result = take_host_path(launch->host.items[i], userns, list, error);
	for (size_t i = 0; i < launch->bind_count && result == 0; i++) {
		const struct sw_bind *bind = &launch->binds[i];
		result = take_tree(bind->source, bind->target, bind->read_only, userns, &list->items[list->count], error);
		list->count += result == 0;
	}
	return result;
}

static int show(const struct shown *shown, struct sw_error *error)
{
	int result = shown->link ? 0 : sw_tree_attach(shown->tree, shown->target, error);
	if (result != -ENOENT && !shown->link)
		return result;
	result = make_parents(shown->target, error);
	if (result < 0)
		return result;
	if (shown->link)
		return symlink(shown->link, shown->target) < 0 && errno != EEXIST ?
			       sw_fail(error, errno, "make link", shown->target) :
			       0;
	result = make_mount_point(shown->target, shown->is_directory, error);
	return result < 0 ? result : sw_tree_attach(shown->tree, shown->target, error);
}

static int show_all(struct shown_list *list, struct sw_error *error)
{
	int result = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (result == 0)
			result = show(&list->items[i], error);
		sw_close(&list->items[i].tree);
		free(list->items[i].link);
	}
	free(list->items);
	return result;
}

static int pivot(const char *directory, struct sw_error *error)
{
	char merged[PATH_MAX];
	snprintf(merged, sizeof merged, "%s/merged", directory);
	if (chdir(merged) < 0)
		return sw_fail(error, errno, "enter", merged);
	/* The old root ends up on top of the new one and is taken off again: pivot_root(2), "pivot_root(".", ".")". */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return sw_fail(error, errno, "pivot the root to", merged);
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return sw_fail(error, errno, "leave the old root", NULL);
	return 0;
}

/* The working directory is made while it can be. */
static int seal(const struct sw_launch *launch, struct sw_error *error)
{
	int result = make_directories(launch->workdir, error);
	return result == 0 ? root_read_only(error) : result;
}

static int make_private(struct sw_error *error)
{
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? sw_fail(error, errno, "make mounts private", NULL) : 0;
}

/* Everything of the host is taken before the pivot and shown after it: no name of the image is resolved outside. */
int root_build(const struct sw_launch *launch, const char *directory, struct sw_userns *userns, struct sw_error *error)
{
	struct device_trees devices;
	struct shown_list list;
	struct volume_trees volumes;
	bool apart = userns->mounts >= 0;
	int result = apart ? 0 : make_private(error);
	if (result == 0)
		result = root_files_write(launch, directory, error);
	if (result == 0)
		result = device_trees_take(directory, userns, &devices, error);
	if (result == 0)
		result = take_all(launch, userns, &list, error);
	if (result == 0)
		result = volumes_take(launch, userns, &volumes, error);
	if (result == 0)
		result = sw_userns_enter_mounts(userns, error);
	if (result == 0)
		result = sw_userns_assume(userns, error);
	if (result == 0)
		result = sw_overlay_mount(launch, directory, userns, error);
	if (result == 0)
		result = pivot(directory, error);
	if (result == 0)
		result = show_all(&list, error);
	if (result == 0)
		result = volumes_show(launch, &volumes, error);
	if (result == 0)
		result = kernel_mounts_make(&devices, &launch->security, userns, error);
	if (result == 0 && launch->security.read_only_root)
		result = seal(launch, error);
	/* What was taken from the host's own mounts may still have been one with them. */
	return result == 0 && apart ? make_private(error) : result;
}
