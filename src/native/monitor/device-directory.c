#include "device-directory.h"

#include <fcntl.h>
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

static const struct {
	const char *name;
	mode_t mode;
} directories[] = { { "dev", 0755 }, { "shm", 01777 }, { "dev/pts", 0755 }, { "dev/shm", 0755 } };

/* What is there stays as it is; of what is made now, the umask takes nothing. */
static int made(int result, int parent, const char *name, mode_t mode)
{
	if (result < 0)
		return errno == EEXIST ? 0 : -1;
	return fchmodat(parent, name, mode, 0);
}

int device_directory_make(const char *path, struct sw_error *error)
{
	SW_AUTOCLOSE int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return sw_fail(error, errno, "open", path);
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
		if (made(mkdirat(root, directories[i].name, directories[i].mode), root, directories[i].name,
			 directories[i].mode) < 0)
			return sw_fail(error, errno, "make directory", directories[i].name);
	SW_AUTOCLOSE int dev = openat(root, "dev", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dev < 0)
		return sw_fail(error, errno, "open", "dev");
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
		dev_t device = makedev(nodes[i].major, nodes[i].minor);
		if (made(mknodat(dev, nodes[i].name, S_IFCHR | 0666, device), dev, nodes[i].name, 0666) < 0)
			return sw_fail(error, errno, "make device", nodes[i].name);
	}
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (symlinkat(links[i].target, dev, links[i].name) < 0 && errno != EEXIST)
			return sw_fail(error, errno, "make link", links[i].name);
	return 0;
}
