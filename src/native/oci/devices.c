#include "devices.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/in-root.h"
#include "mounts.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* config-linux.md#default-devices; /dev/console comes with a terminal, /dev/ptmx is a link. */
static const struct plan_device defaults[] = {
	{ "/dev/null", S_IFCHR | 0666, 1, 3, 0, 0 },   { "/dev/zero", S_IFCHR | 0666, 1, 5, 0, 0 },
	{ "/dev/full", S_IFCHR | 0666, 1, 7, 0, 0 },   { "/dev/random", S_IFCHR | 0666, 1, 8, 0, 0 },
	{ "/dev/urandom", S_IFCHR | 0666, 1, 9, 0, 0 }, { "/dev/tty", S_IFCHR | 0666, 5, 0, 0, 0 },
};

static const struct {
	const char *path, *target;
} links[] = { { "/dev/fd", "/proc/self/fd" },
	      { "/dev/stdin", "/proc/self/fd/0" },
	      { "/dev/stdout", "/proc/self/fd/1" },
	      { "/dev/stderr", "/proc/self/fd/2" },
	      { "/dev/ptmx", "pts/ptmx" } };

/* What is there already must be the same device. */
static int check_present(int parent, const char *name, const struct plan_device *device, struct sw_error *error)
{
	struct stat status;
	dev_t wanted = (device->mode & S_IFMT) == S_IFIFO ? 0 : makedev(device->major, device->minor);
	if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return sw_fail(error, errno, "examine device", device->path);
	if ((status.st_mode & S_IFMT) == (device->mode & S_IFMT) && status.st_rdev == wanted)
		return 0;
	return sw_refuse(error, EEXIST, "make device", "make device %s: something else is there", device->path);
}

static int make_node(int parent, const char *name, const struct plan_device *device)
{
	if (mknodat(parent, name, device->mode, makedev(device->major, device->minor)) < 0)
		return -errno;
	/* The umask took bits. */
	if (fchmodat(parent, name, device->mode & 07777, 0) < 0)
		return -errno;
	return fchownat(parent, name, device->uid, device->gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int make_device(const struct plan *plan, int root, const struct plan_device *device, struct sw_error *error)
{
	const char *name;
	const struct plan_namespace *user = plan_namespace(plan, CLONE_NEWUSER);
	SW_AUTOCLOSE int parent = in_root_parent(root, device->path, &name, error);
	if (parent < 0)
		return parent;
	int result = user ? -EPERM : make_node(parent, name, device);
	if (result == -EEXIST)
		return check_present(parent, name, device, error);
	if (result == -EPERM)
		return mounts_bind_file(root, device->path, device->path, error);
	return result < 0 ? sw_fail(error, -result, "make device", device->path) : 0;
}

static int make_link(int root, const char *path, const char *target, struct sw_error *error)
{
	const char *name;
	SW_AUTOCLOSE int parent = in_root_parent(root, path, &name, error);
	if (parent < 0)
		return parent;
	return symlinkat(target, parent, name) < 0 && errno != EEXIST ? sw_fail(error, errno, "make link", path) : 0;
}

int devices_make(const struct plan *plan, int root, struct sw_error *error)
{
	int result = 0;
	if (!plan->sets_up_devices)
		return 0;
	mode_t before = umask(0);
	for (size_t i = 0; i < COUNT(defaults) && result == 0; i++)
		result = make_device(plan, root, &defaults[i], error);
	for (size_t i = 0; i < plan->device_count && result == 0; i++)
		result = make_device(plan, root, &plan->devices[i], error);
	for (size_t i = 0; i < COUNT(links) && result == 0; i++)
		result = make_link(root, links[i].path, links[i].target, error);
	umask(before);
	return result;
}
