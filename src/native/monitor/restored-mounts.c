#include "restored-mounts.h"

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

static const char step[] = "make the mounts of the copy";

static int make_place(const char *path, bool is_directory, struct sw_error *error)
{
	char parent[PATH_MAX];
	snprintf(parent, sizeof parent, "%s", path);
	for (char *slash = strchr(parent + sizeof SW_RESTORED_MOUNTS, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(parent, 0755) < 0 && errno != EEXIST)
			return sw_fail(error, errno, step, parent);
		*slash = '/';
	}
	if (is_directory)
		return mkdir(path, 0755) < 0 && errno != EEXIST ? sw_fail(error, errno, step, path) : 0;
	SW_AUTOCLOSE int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return file < 0 ? sw_fail(error, errno, step, path) : 0;
}

/* `may_stay`: on a file system that cannot map ids it is shown as it is, its owners are nobody then, as the init does. */
static int show_mapped(const char *source, const char *name, bool recursive, bool may_stay, const struct sw_userns *userns, struct sw_error *error)
{
	char path[PATH_MAX];
	struct stat status;
	snprintf(path, sizeof path, SW_RESTORED_MOUNTS "/%s", name);
	/* The state directory may lie on a file system that is mounted nodev. */
	bool devices = strcmp(name, "dev") == 0;
	SW_AUTOCLOSE int tree = sw_tree_clone(source, recursive, SW_ATTR_NOSUID | (devices ? 0 : SW_ATTR_NODEV),
					      devices ? SW_ATTR_NODEV : 0, error);
	int result = tree < 0 ? tree : sw_userns_map_tree(userns, tree, recursive, error);
	if (result < 0 && !(result == -EINVAL && may_stay && tree >= 0))
		return result;
	if (fstat(tree, &status) < 0)
		return sw_fail(error, errno, step, source);
	result = make_place(path, S_ISDIR(status.st_mode), error);
	return result == 0 ? sw_tree_attach(tree, path, error) : result;
}

/* Absent ones and symbolic links are no mounts of the container. */
static int show_host_paths(const struct sw_launch *launch, const struct sw_userns *userns, struct sw_error *error)
{
	char name[PATH_MAX];
	struct stat status;
	int result = 0;
	for (size_t i = 0; i < launch->host.count && result == 0; i++) {
		snprintf(name, sizeof name, "host%s", launch->host.items[i]);
		if (lstat(launch->host.items[i], &status) == 0 && !S_ISLNK(status.st_mode))
			result = show_mapped(launch->host.items[i], name, true, true, userns, error);
	}
	return result;
}

/* Under their own names too, a named one by where its data are. What is in memory is in the image. */
static int show_volumes(const struct sw_launch *launch, const struct sw_userns *userns, struct sw_error *error)
{
	char source[PATH_MAX], name[PATH_MAX + 8];
	int result = 0;
	for (size_t i = 0; i < launch->volume_count && result == 0; i++) {
		const struct sw_volume *volume = &launch->volumes[i];
		if (volume->kind == SW_VOLUME_TMPFS)
			continue;
		snprintf(source, sizeof source, "%s%s", volume->source, volume->kind == SW_VOLUME_NAMED ? "/data" : "");
		snprintf(name, sizeof name, "host%s", source);
		result = show_mapped(source, name, volume->kind == SW_VOLUME_HOST_PATH, false, userns, error);
	}
	return result;
}

static int show_part(const char *directory, const char *name, const struct sw_userns *userns, struct sw_error *error)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	return show_mapped(path, name, false, false, userns, error);
}

static int show_root(const struct sw_launch *launch, const char *directory, const struct sw_userns *userns, struct sw_error *error)
{
	char merged[PATH_MAX];
	static const char root[] = SW_RESTORED_MOUNTS "/root";
	snprintf(merged, sizeof merged, "%s/merged", directory);
	int result = make_place(root, true, error);
	if (result == 0)
		result = sw_userns_assume(userns, error);
	if (result == 0)
		result = sw_overlay_mount(launch, directory, userns, error);
	if (result == 0)
		result = sw_userns_resume(userns, error);
	if (result == 0 && mount(merged, root, NULL, MS_MOVE, NULL) < 0)
		result = sw_fail(error, errno, step, root);
	return result;
}

static int show_all(const struct sw_launch *launch, const char *directory, const struct sw_userns *userns, struct sw_error *error)
{
	if ((mkdir(SW_RESTORED_MOUNTS, 0755) < 0 && errno != EEXIST) ||
	    mount("tmpfs", SW_RESTORED_MOUNTS, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") < 0)
		return sw_fail(error, errno, step, SW_RESTORED_MOUNTS);
	int result = show_root(launch, directory, userns, error);
	if (result == 0)
		result = show_part(directory, "dev", userns, error);
	if (result == 0)
		result = show_part(directory, "shm", userns, error);
	if (result == 0)
		result = show_host_paths(launch, userns, error);
	return result == 0 ? show_volumes(launch, userns, error) : result;
}

int restored_mounts_make(const struct sw_launch *launch, const char *directory, struct sw_error *error)
{
	struct sw_userns userns;
	int result = sw_userns_make(launch->security.userns_base, 0, &userns, error);
	if (result < 0)
		return result;
	return userns.fd < 0 ? sw_overlay_mount(launch, directory, &userns, error) :
			       show_all(launch, directory, &userns, error);
}
