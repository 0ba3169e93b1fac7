#include "terminal.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/syscalls.h"

/* /dev/pts is a mount point, which nobody inside can rename; what lies there must be a devpts all the same. */
static int open_master(struct sw_error *error)
{
	struct statfs about;
	SW_AUTOCLOSE int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (master < 0)
		return sw_fail(error, errno, "open", "/dev/pts/ptmx");
	if (fstatfs(master, &about) < 0 || about.f_type != DEVPTS_SUPER_MAGIC)
		return sw_refuse(error, ENOTTY, "open a terminal", "/dev/pts/ptmx is no device of devpts");
	int result = master;
	master = -1;
	return result;
}

static int open_slave(int master, const struct terminal_size *size, uid_t owner, struct sw_error *error)
{
	int locked = 0;
	struct winsize window = { .ws_row = size->rows, .ws_col = size->columns };
	if (ioctl(master, TIOCSPTLCK, &locked) < 0)
		return sw_fail(error, errno, "unlock the terminal", NULL);
	SW_AUTOCLOSE int slave = ioctl(master, SW_TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return sw_fail(error, errno, "open the terminal", NULL);
	if (ioctl(slave, TIOCSWINSZ, &window) < 0 || fchown(slave, owner, (gid_t)-1) < 0)
		return sw_fail(error, errno, "set the terminal", NULL);
	int result = slave;
	slave = -1;
	return result;
}

int terminal_take(const struct terminal_size *size, uid_t owner, int *master, struct sw_error *error)
{
	SW_AUTOCLOSE int made = open_master(error);
	if (made < 0)
		return made;
	SW_AUTOCLOSE int slave = open_slave(made, size, owner, error);
	if (slave < 0)
		return slave;
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return sw_fail(error, errno, "take the terminal", NULL);
	for (int stream = 0; stream < 3; stream++)
		if (dup2(slave, stream) < 0)
			return sw_fail(error, errno, "set the standard streams", NULL);
	*master = made;
	made = -1;
	return 0;
}
