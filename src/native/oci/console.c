#include "console.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/descriptors.h"
#include "mounts.h"

/* asm-generic/ioctls.h: the slave by its master, without a name that the container could redirect (CVE-2025-52565). */
#define GET_PEER _IO('T', 0x41)
#define LOCK _IOW('T', 0x31, int)
#define GET_NUMBER _IOR('T', 0x30, unsigned)

int console_connect(const char *path, struct sw_error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s", path) >= sizeof address.sun_path)
		return sw_fail(error, ENAMETOOLONG, "connect to --console-socket", path);
	SW_AUTOCLOSE int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address) < 0)
		return sw_fail(error, errno, "connect to --console-socket", path);
	int result = connection;
	connection = -1;
	return result;
}

static int send_master(int connection, int master, struct sw_error *error)
{
	char name[32];
	unsigned number = 0;
	if (ioctl(master, GET_NUMBER, &number) < 0)
		return sw_fail(error, errno, "name the terminal", NULL);
	int size = snprintf(name, sizeof name, "/dev/pts/%u", number);
	int result = sw_descriptors_send(connection, name, (size_t)size, &master, 1);
	return result < 0 ? sw_fail(error, -result, "hand the terminal over", NULL) : 0;
}

static int take_over(int slave, const struct plan_process *process, struct sw_error *error)
{
	struct winsize size = { .ws_row = process->rows, .ws_col = process->columns };
	if (process->rows && ioctl(slave, TIOCSWINSZ, &size) < 0)
		return sw_fail(error, errno, "set process.consoleSize", NULL);
	if (fchown(slave, process->uid, (gid_t)-1) < 0 && errno != EINVAL && errno != EPERM)
		return sw_fail(error, errno, "give the terminal to the user", NULL);
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return sw_fail(error, errno, "take the terminal as controlling terminal", NULL);
	for (int stream = 0; stream < 3; stream++)
		if (dup2(slave, stream) < 0)
			return sw_fail(error, errno, "set the standard streams", NULL);
	return 0;
}

int console_open(const struct plan_process *process, int connection, bool shows_console, struct sw_error *error)
{
	int unlocked = 0;
	SW_AUTOCLOSE int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		return sw_fail(error, errno, "make a terminal: open", "/dev/pts/ptmx (process.terminal wants a devpts mount)");
	if (ioctl(master, LOCK, &unlocked) < 0)
		return sw_fail(error, errno, "unlock the terminal", NULL);
	SW_AUTOCLOSE int slave = ioctl(master, GET_PEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return sw_fail(error, errno, "open the terminal", NULL);
	if (shows_console) {
		SW_AUTOCLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		int result = root < 0 ? sw_fail(error, errno, "open", "/") : mounts_bind(root, slave, "/dev/console", error);
		if (result < 0)
			return result;
	}
	int result = take_over(slave, process, error);
	return result == 0 ? send_master(connection, master, error) : result;
}
