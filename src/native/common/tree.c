#include "tree.h"

#include <fcntl.h>

#include "cleanup.h"
#include "syscalls.h"

static int clone_tree(int directory, const char *path, bool recursive, struct sw_mount_attr *attributes,
		      struct sw_error *error)
{
	unsigned depth = (recursive ? SW_AT_RECURSIVE : 0) | (*path ? 0 : AT_EMPTY_PATH);
	int tree = (int)syscall(SW_NR_OPEN_TREE, directory, path, SW_OPEN_TREE_CLONE | SW_OPEN_TREE_CLOEXEC | depth);
	if (tree < 0)
		return sw_fail(error, errno, "clone mount", path);
	depth |= AT_EMPTY_PATH;
	if ((attributes->attr_set | attributes->attr_clr) == 0)
		return tree;
	if (syscall(SW_NR_MOUNT_SETATTR, tree, "", depth, attributes, sizeof *attributes) < 0) {
		int code = errno;
		close(tree);
		return sw_fail(error, code, "set attributes of mount", path);
	}
	return tree;
}

int sw_tree_clone(const char *path, bool recursive, uint64_t set, uint64_t clear, struct sw_error *error)
{
	struct sw_mount_attr attributes = { .attr_set = set, .attr_clr = clear };
	return clone_tree(AT_FDCWD, path, recursive, &attributes, error);
}

int sw_tree_clone_at(int source, uint64_t set, struct sw_error *error)
{
	struct sw_mount_attr attributes = { .attr_set = set };
	return clone_tree(source, "", false, &attributes, error);
}

int sw_tree_clone_below(int source, uint64_t set, struct sw_error *error)
{
	struct sw_mount_attr attributes = { .attr_set = set };
	return clone_tree(source, "", true, &attributes, error);
}

int sw_tree_make(const char *type, uint64_t attributes, struct sw_error *error)
{
	SW_AUTOCLOSE int context = (int)syscall(SW_NR_FSOPEN, type, SW_FSOPEN_CLOEXEC);
	if (context < 0 || syscall(SW_NR_FSCONFIG, context, SW_FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return sw_fail(error, errno, "make file system", type);
	int tree = (int)syscall(SW_NR_FSMOUNT, context, SW_FSMOUNT_CLOEXEC, attributes);
	return tree < 0 ? sw_fail(error, errno, "make mount", type) : tree;
}

int sw_tree_attach(int tree, const char *target, struct sw_error *error)
{
	if (syscall(SW_NR_MOVE_MOUNT, tree, "", AT_FDCWD, target, SW_MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return sw_fail(error, errno, "attach mount", target);
	return 0;
}

int sw_tree_attach_at(int tree, int directory, const char *target, struct sw_error *error)
{
	unsigned flags = SW_MOVE_MOUNT_F_EMPTY_PATH | SW_MOVE_MOUNT_T_EMPTY_PATH;
	if (syscall(SW_NR_MOVE_MOUNT, tree, "", directory, "", flags) < 0)
		return sw_fail(error, errno, "mount at", target);
	return 0;
}
