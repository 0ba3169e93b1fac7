#include "try-userns.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "../common/cleanup.h"
#include "../common/overlay.h"
#include "../common/tree.h"

/* Below those that containers get (runtime/security/id-ranges.ts). */
#define BASE 0x6fff0000u

/* criu makes these inside; the kernel refuses that where those of the host are covered in part. */
static int try_kernel_mounts(struct sw_error *error)
{
	SW_AUTOCLOSE int proc = sw_tree_make("proc", 0, error);
	if (proc < 0)
		return proc;
	SW_AUTOCLOSE int sys = sw_tree_make("sysfs", 0, error);
	return sys < 0 ? sys : 0;
}

static int try_tree(const char *path, bool recursive, const struct sw_userns *userns, struct sw_error *error)
{
	SW_AUTOCLOSE int tree = sw_tree_clone(path, recursive, 0, 0, error);
	if (tree < 0)
		return tree;
	int result = sw_userns_map_tree(userns, tree, recursive, error);
	return result < 0 ? sw_fail(error, -result, "map the ids of", path) : 0;
}

static int try_root(const char *directory, const struct sw_userns *userns, struct sw_error *error)
{
	char path[PATH_MAX];
	const char *items[] = { path, NULL };
	struct sw_launch launch = { .lower = { items, 1 } };
	snprintf(path, sizeof path, "%s/lower", directory);
	int result = sw_userns_assume(userns, error);
	return result == 0 ? sw_overlay_mount(&launch, directory, userns, error) : result;
}

int try_userns(const char *directory)
{
	struct sw_error error = { 0 };
	struct sw_userns userns;
	int result = sw_userns_make(BASE, SW_USERNS_OWNED, &userns, &error);
	if (result == 0)
		result = try_tree(directory, false, &userns, &error);
	if (result == 0)
		result = sw_userns_enter_mounts(&userns, &error);
	if (result == 0)
		result = try_kernel_mounts(&error);
	if (result == 0)
		result = try_root(directory, &userns, &error);
	if (result < 0)
		fprintf(stderr, "%s\n", error.message);
	return result < 0;
}

int try_map(char **paths)
{
	struct sw_error error = { 0 };
	struct sw_userns userns;
	int result = sw_userns_make(BASE, 0, &userns, &error);
	for (; *paths && result == 0; paths++)
		result = try_tree(*paths, true, &userns, &error);
	if (result < 0)
		fprintf(stderr, "%s\n", error.message);
	return result < 0;
}
