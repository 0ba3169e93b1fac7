#include "console.h"

#include <fcntl.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/syscalls.h"
#include "../common/tree.h"

#define CONSOLE "/dev/console"

int console_show(struct sw_error *error)
{
	/* By the descriptor: the name below /dev/pts is not looked up (CVE-2025-52565). */
	SW_AUTOCLOSE int tree = sw_tree_clone_at(STDIN_FILENO, SW_ATTR_NOSUID | SW_ATTR_NOEXEC, error);
	if (tree < 0)
		return tree;
	if (unlink(CONSOLE) < 0 && errno != ENOENT)
		return sw_fail(error, errno, "replace", CONSOLE);
	SW_AUTOCLOSE int file = open(CONSOLE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return sw_fail(error, errno, "make", CONSOLE);
	return sw_tree_attach(tree, CONSOLE, error);
}
