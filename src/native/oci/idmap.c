#include "idmap.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/file.h"
#include "../common/syscalls.h"
#include "../common/tree.h"

#define SW_ATTR_IDMAP 0x00100000u

static int write_map(pid_t pid, const char *file, const struct sw_strings *maps, struct sw_error *error)
{
	char path[48], text[4096];
	size_t used = 0;
	for (size_t i = 0; i < maps->count; i++) {
		int size = snprintf(text + used, sizeof text - used, "%s\n", maps->items[i]);
		if ((size_t)size >= sizeof text - used)
			return sw_fail(error, E2BIG, "write the mappings of the user namespace", NULL);
		used += (size_t)size;
	}
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	return sw_write_file(path, text, error);
}

int idmap_write(pid_t pid, const struct sw_strings *uid_maps, const struct sw_strings *gid_maps, struct sw_error *error)
{
	int result = write_map(pid, "uid_map", uid_maps, error);
	return result == 0 ? write_map(pid, "gid_map", gid_maps, error) : result;
}

/* A user namespace with nobody in it: its maker ends as soon as we hold it. */
static int open_namespace(const struct plan_mount *mount, struct sw_error *error)
{
	char path[48];
	struct sw_clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	pid_t pid = sw_clone3(&args);
	if (pid == 0)
		for (;;)
			pause();
	if (pid < 0)
		return sw_fail(error, errno, "make a user namespace for the mount at", mount->target);
	int namespace = -1;
	int result = idmap_write(pid, &mount->uid_maps, &mount->gid_maps, error);
	snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
	if (result == 0) {
		namespace = open(path, O_RDONLY | O_CLOEXEC);
		if (namespace < 0)
			result = sw_fail(error, errno, "open", path);
	}
	kill(pid, SIGKILL);
	SW_RETRY(waitpid(pid, NULL, 0));
	return result < 0 ? result : namespace;
}

static int take(struct plan_mount *mount, struct sw_error *error)
{
	SW_AUTOCLOSE int namespace = open_namespace(mount, error);
	SW_AUTOCLOSE int tree = namespace < 0 ? -1 : sw_tree_clone(mount->source, mount->recursive, 0, 0, error);
	if (tree < 0)
		return namespace < 0 ? namespace : tree;
	struct sw_mount_attr attributes = { .attr_set = SW_ATTR_IDMAP, .userns_fd = (uint64_t)namespace };
	unsigned flags = AT_EMPTY_PATH | (mount->idmap == PLAN_IDMAP_BELOW ? SW_AT_RECURSIVE : 0);
	if (syscall(SW_NR_MOUNT_SETATTR, tree, "", flags, &attributes, sizeof attributes) < 0)
		return sw_fail(error, errno, "map the users of the mount (the file system must allow it) at", mount->target);
	mount->tree = tree;
	tree = -1;
	return 0;
}

int idmap_take(const struct plan *plan, struct sw_error *error)
{
	int result = 0;
	for (size_t i = 0; i < plan->mount_count && result == 0; i++)
		if (plan->mounts[i].idmap != PLAN_IDMAP_NONE)
			result = take(&plan->mounts[i], error);
	return result;
}
