#include "tree.h"

#include <fcntl.h>

#include "cleanup.h"
#include "syscalls.h"

int sw_tree_clone(const char *path, bool recursive, uint64_t set, uint64_t clear, struct sw_error *error)
{
	unsigned depth = recursive ? SW_AT_RECURSIVE : 0;
	struct sw_mount_attr attributes = { .attr_set = set, .attr_clr = clear };
	unsigned flags = SW_OPEN_TREE_CLONE | SW_OPEN_TREE_CLOEXEC | depth;
	int tree = (int)syscall(SW_NR_OPEN_TREE, AT_FDCWD, path, flags);
	if (tree < 0)
		return sw_fail(error, errno, "clone mount", path);
	flags = AT_EMPTY_PATH | depth;
	if (syscall(SW_NR_MOUNT_SETATTR, tree, "", flags, &attributes, sizeof attributes) < 0) {
		int code = errno;
		close(tree);
		return sw_fail(error, code, "set attributes of mount", path);
	}
	return tree;
}

int sw_tree_attach(int tree, const char *target, struct sw_error *error)
{
	if (syscall(SW_NR_MOVE_MOUNT, tree, "", AT_FDCWD, target, SW_MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return sw_fail(error, errno, "attach mount", target);
	return 0;
}
