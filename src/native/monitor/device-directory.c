#include "device-directory.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "../common/cleanup.h"

static const struct {
	const char *name;
	unsigned major, minor;
} nodes[] = { { "null", 1, 3 }, { "zero", 1, 5 },    { "full", 1, 7 },
	      { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 } };

static const struct {
	const char *name, *target;
} links[] = { { "fd", "/proc/self/fd" },
	      { "stdin", "/proc/self/fd/0" },
	      { "stdout", "/proc/self/fd/1" },
	      { "stderr", "/proc/self/fd/2" },
	      { "ptmx", "pts/ptmx" } };

/* An earlier life of the container may have put something else in the place of what belongs there: that goes. `device` 0: a
 * directory. */
static int make_room(int parent, const char *name, mode_t mode, dev_t device)
{
	struct stat status;
	if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (device ? (status.st_mode & S_IFMT) == (mode & S_IFMT) && status.st_rdev == device : S_ISDIR(status.st_mode))
		return 0;
	return unlinkat(parent, name, 0) < 0 ? -1 : 1;
}

static int make_once(int parent, const char *name, mode_t mode, dev_t device)
{
	int result = device ? mknodat(parent, name, mode, device) : mkdirat(parent, name, mode);
	/* Of what is made now, the umask takes nothing. */
	return result < 0 ? result : fchmodat(parent, name, mode & 07777, 0);
}

static int make(int parent, const char *name, mode_t mode, dev_t device)
{
	if (make_once(parent, name, mode, device) == 0)
		return 0;
	int room = errno == EEXIST ? make_room(parent, name, mode, device) : -1;
	return room == 1 ? make_once(parent, name, mode, device) : room;
}

int device_directory_make(const char *path, struct sw_error *error)
{
	SW_AUTOCLOSE int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return sw_fail(error, errno, "open", path);
	if (make(root, "dev", 0755, 0) < 0 || make(root, "shm", 01777, 0) < 0)
		return sw_fail(error, errno, "make directory", path);
	SW_AUTOCLOSE int dev = openat(root, "dev", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dev < 0)
		return sw_fail(error, errno, "open", "dev");
	if (make(dev, "pts", 0755, 0) < 0 || make(dev, "shm", 0755, 0) < 0)
		return sw_fail(error, errno, "make directories in", "dev");
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
		if (make(dev, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0)
			return sw_fail(error, errno, "make device", nodes[i].name);
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (symlinkat(links[i].target, dev, links[i].name) < 0 && errno != EEXIST)
			return sw_fail(error, errno, "make link", links[i].name);
	return 0;
}

/* Directory by directory, so that each is the one that was made. */
static int make_device(int dev, const struct sw_device *device)
{
	char name[PATH_MAX];
	int parent = dup(dev);
	const char *at = device->path + strlen("/dev/");
	for (const char *slash = strchr(at, '/'); parent >= 0 && slash; at = slash + 1, slash = strchr(at, '/')) {
		snprintf(name, sizeof name, "%.*s", (int)(slash - at), at);
		int next = make(parent, name, 0755, 0) < 0 ?
				   -1 :
				   openat(parent, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		sw_close(&parent);
		parent = next;
	}
	mode_t mode = (device->is_block ? S_IFBLK : S_IFCHR) | 0666;
	int result = parent < 0 ? -1 : make(parent, at, mode, makedev(device->major, device->minor));
	sw_close(&parent);
	return result;
}

int device_nodes_make(const char *directory, const struct sw_security *security, struct sw_error *error)
{
	char path[PATH_MAX];
	if (security->device_count == 0)
		return 0;
	snprintf(path, sizeof path, "%s/dev", directory);
	SW_AUTOCLOSE int dev = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dev < 0)
		return sw_fail(error, errno, "open", path);
	for (size_t i = 0; i < security->device_count; i++)
		if (make_device(dev, &security->devices[i]) < 0)
			return sw_fail(error, errno, "make device", security->devices[i].path);
	return 0;
}
