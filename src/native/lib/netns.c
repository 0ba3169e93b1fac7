/* Network namespaces kept by a bind mount, as ip-netns(8) does. */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "child.h"

#define NSFS_MAGIC 0x6e736673

struct making {
	const char *path;
	int code; /* errno of the failed step, 0 */
	const char *step;
};

static int loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	SW_AUTOCLOSE int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (any < 0 || ioctl(any, SIOCGIFFLAGS, &request) < 0)
		return -1;
	request.ifr_flags |= IFF_UP;
	return ioctl(any, SIOCSIFFLAGS, &request);
}

/* In the child, which is in the new namespace. */
static int keep(void *argument)
{
	struct making *making = argument;
	making->step = "set loopback up";
	if (loopback_up() == 0) {
		making->step = "keep the namespace at";
		if (mount("/proc/self/ns/net", making->path, NULL, MS_BIND, NULL) == 0)
			_exit(0);
	}
	making->code = errno;
	_exit(1);
}

/* A file left behind without its mount (a reboot) is used again. */
static int make_file(const char *path, struct sw_error *error)
{
	struct statfs status;
	SW_AUTOCLOSE int file = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0444);
	if (file < 0 || fstatfs(file, &status) < 0)
		return sw_fail(error, errno, "make file", path);
	return status.f_type == NSFS_MAGIC ? sw_fail(error, EEXIST, "make file", path) : 0;
}

int32_t sw_netns_create(const char *path, struct sw_error *error)
{
	struct making making = { .path = path };
	int result = make_file(path, error);
	if (result < 0)
		return result;
	result = child_run(keep, &making, CLONE_NEWNET, error);
	if (result == 0 && making.code)
		result = sw_fail(error, making.code, making.step, path);
	if (result < 0)
		unlink(path);
	return result;
}

int32_t sw_netns_keep(const char *path, int32_t pid, struct sw_error *error)
{
	char source[64];
	int result = make_file(path, error);
	if (result < 0)
		return result;
	snprintf(source, sizeof source, "/proc/%d/ns/net", (int)pid);
	if (mount(source, path, NULL, MS_BIND, NULL) < 0) {
		result = sw_fail(error, errno, "keep the network namespace", source);
		unlink(path);
	}
	return result;
}

int32_t sw_netns_delete(const char *path, struct sw_error *error)
{
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
		return sw_fail(error, errno, "unmount", path);
	return unlink(path) < 0 && errno != ENOENT ? sw_fail(error, errno, "remove", path) : 0;
}
