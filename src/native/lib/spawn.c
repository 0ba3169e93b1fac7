/* The program belongs to the host's first process: as a sibling where that one is our parent too, else as an orphan (child →
 * grandchild → execve), which costs one process more. */
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/signals.h"
#include "../common/syscalls.h"
#include "child.h"

#define SOCKET_BACKLOG 16
#define INNER_STACK_SIZE (16 * 1024)
/* Above every target of dup2. */
#define SOURCE_MIN 10

struct spawn {
	const char *const *argv;
	int null, output, control; /* control -1: none */
	int pid;		    /* or -errno of the second clone */
	int exec_errno;
};

static int become_program(void *argument)
{
	struct spawn *spawn = argument;
	static const char *const environment[] = { NULL };
	int last = spawn->control < 0 ? 2 : 3;
	setsid();
	umask(0022);
	if (chdir("/") == 0 && dup2(spawn->null, 0) >= 0 && dup2(spawn->null, 1) >= 0 && dup2(spawn->output, 2) >= 0 &&
	    (spawn->control < 0 || dup2(spawn->control, 3) >= 0) &&
	    sw_close_range((unsigned)last + 1, ~0u, SW_CLOSE_RANGE_CLOEXEC) == 0) {
		sw_signals_reset();
		execve(spawn->argv[0], (char *const *)spawn->argv, (char *const *)environment);
	}
	spawn->exec_errno = errno;
	_exit(127);
}

static int stand_between(void *argument)
{
	char stack[INNER_STACK_SIZE] __attribute__((aligned(16)));
	struct spawn *spawn = argument;
	spawn->pid = child_start(become_program, spawn, stack, sizeof stack);
	_exit(0);
}

static int open_high(const char *path, int flags, mode_t mode)
{
	SW_AUTOCLOSE int file = open(path, flags | O_CLOEXEC, mode);
	return file < 0 ? -1 : fcntl(file, F_DUPFD_CLOEXEC, SOURCE_MIN);
}

/* Through a descriptor of the directory: the path of a socket ends at 107 bytes. */
static int socket_address(const char *path, int *directory, struct sockaddr_un *address)
{
	char parent[PATH_MAX];
	const char *name = strrchr(path, '/');
	if (!name || name == path || (size_t)(name - path) >= sizeof parent)
		return -EINVAL;
	memcpy(parent, path, (size_t)(name - path));
	parent[name - path] = 0;
	*directory = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*directory < 0)
		return -errno;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	int size = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d%s", *directory, name);
	return (size_t)size < sizeof address->sun_path ? 0 : -ENAMETOOLONG;
}

static int listen_at(const char *path, int *listener, struct sw_error *error)
{
	SW_AUTOCLOSE int directory = -1;
	struct sockaddr_un address;
	int result = socket_address(path, &directory, &address);
	if (result < 0)
		return sw_fail(error, -result, "name the socket", path);
	SW_AUTOCLOSE int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (made < 0)
		return sw_fail(error, errno, "make the socket", path);
	if (unlink(address.sun_path) < 0 && errno != ENOENT)
		return sw_fail(error, errno, "replace the socket", path);
	if (bind(made, (struct sockaddr *)&address, sizeof address) < 0 || chmod(address.sun_path, 0600) < 0 ||
	    listen(made, SOCKET_BACKLOG) < 0)
		return sw_fail(error, errno, "bind the socket", path);
	*listener = fcntl(made, F_DUPFD_CLOEXEC, SOURCE_MIN);
	return *listener < 0 ? sw_fail(error, errno, "keep the socket", path) : 0;
}

static int run(struct spawn *spawn, struct sw_error *error)
{
	bool beside = getppid() == 1;
	int result = beside ? child_beside(become_program, spawn, error) : child_run(stand_between, spawn, 0, error);
	if (result < 0)
		return result;
	if (beside)
		spawn->pid = result;
	if (spawn->pid < 0)
		return sw_fail(error, -spawn->pid, "clone the program's process", NULL);
	return spawn->exec_errno ? sw_fail(error, spawn->exec_errno, "execute", spawn->argv[0]) : spawn->pid;
}

static int start(const char *const *argv, const char *stderr_path, int control, struct sw_error *error)
{
	SW_AUTOCLOSE int null = open_high("/dev/null", O_RDWR, 0);
	if (null < 0)
		return sw_fail(error, errno, "open /dev/null", NULL);
	SW_AUTOCLOSE int output = open_high(stderr_path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0600);
	if (output < 0)
		return sw_fail(error, errno, "open", stderr_path);
	struct spawn spawn = { .argv = argv, .null = null, .output = output, .control = control };
	return run(&spawn, error);
}

int32_t sw_spawn_detached(const char *const *argv, const char *stderr_path, const char *socket_path,
			  struct sw_error *error)
{
	SW_AUTOCLOSE int listener = -1;
	int result = socket_path ? listen_at(socket_path, &listener, error) : 0;
	if (result == 0) {
		result = start(argv, stderr_path, listener, error);
		if (result < 0 && socket_path)
			unlink(socket_path);
	}
	return result;
}

int32_t sw_spawn_connected(const char *const *argv, const char *stderr_path, int32_t *connection, struct sw_error *error)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return sw_fail(error, errno, "make a socket pair", NULL);
	SW_AUTOCLOSE int ours = pair[0];
	SW_AUTOCLOSE int low = pair[1];
	SW_AUTOCLOSE int theirs = fcntl(low, F_DUPFD_CLOEXEC, SOURCE_MIN);
	if (theirs < 0)
		return sw_fail(error, errno, "keep the socket pair", NULL);
	int result = start(argv, stderr_path, theirs, error);
	if (result < 0)
		return result;
	*connection = ours;
	ours = -1;
	return result;
}
