#include "root.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/syscalls.h"
#include "mounts.h"

/* pivot_root refuses a shared parent; which directory above the root is a mount point does not matter. */
static int make_parent_private(const char *rootfs, struct sw_error *error)
{
	char path[PATH_MAX];
	if ((size_t)snprintf(path, sizeof path, "%s", rootfs) >= sizeof path)
		return sw_fail(error, ENAMETOOLONG, "find root.path", rootfs);
	for (;;) {
		if (mount(NULL, path, NULL, MS_PRIVATE, NULL) == 0)
			return 0;
		char *slash = strrchr(path, '/');
		if (errno != EINVAL || !slash || path[1] == 0)
			return sw_fail(error, errno, "make the mount of root.path private", path);
		slash[slash == path] = 0;
	}
}

int root_take(const struct plan *plan, struct sw_error *error)
{
	/* What the container mounts stays its own, unless the configuration shares it. */
	unsigned long propagation = plan->root_propagation ? (unsigned long)plan->root_propagation : MS_SLAVE;
	if (mount(NULL, "/", NULL, propagation | MS_REC, NULL) < 0)
		return sw_fail(error, errno, "set the propagation of the mount namespace", NULL);
	int result = make_parent_private(plan->rootfs, error);
	if (result < 0)
		return result;
	if (mount(plan->rootfs, plan->rootfs, NULL, MS_BIND | MS_REC, NULL) < 0)
		return sw_fail(error, errno, "bind root.path", plan->rootfs);
	int root = open(plan->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? sw_fail(error, errno, "open root.path", plan->rootfs) : root;
}

static int pivot(int root, struct sw_error *error)
{
	/* The old root ends up on top of the new one and is taken off again: pivot_root(2), "pivot_root(".", ".")". */
	SW_AUTOCLOSE int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (old < 0 || fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return sw_fail(error, errno, "pivot the root", NULL);
	if (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0 || umount2(".", MNT_DETACH) < 0 ||
	    chdir("/") < 0)
		return sw_fail(error, errno, "leave the old root", NULL);
	return 0;
}

static int move(int root, struct sw_error *error)
{
	if (fchdir(root) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return sw_fail(error, errno, "move the root (--no-pivot)", NULL);
	return 0;
}

int root_enter(const struct plan *plan, int root, struct sw_error *error)
{
	return plan->no_pivot ? move(root, error) : pivot(root, error);
}

int root_finish(const struct plan *plan, struct sw_error *error)
{
	SW_AUTOCLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int result = root < 0 ? -errno : mounts_change(root, false, 0, 0, plan->root_propagation);
	if (result < 0)
		return sw_fail(error, -result, "set linux.rootfsPropagation", NULL);
	result = plan->read_only ? mounts_change(root, false, SW_ATTR_RDONLY, 0, 0) : 0;
	return result < 0 ? sw_fail(error, -result, "make the root read-only (root.readonly)", NULL) : 0;
}
