#include "start.h"

#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "hooks.h"
#include "outcome.h"

/* Names of sockets end at 107 bytes, whatever the directory is called. */
static struct sockaddr_un address_in(int directory)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" START_SOCKET, directory);
	return address;
}

int start_listen(int directory, struct sw_error *error)
{
	const struct sockaddr_un address = address_in(directory);
	SW_AUTOCLOSE int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listening < 0 || bind(listening, (const struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(listening, 1) < 0)
		return sw_fail(error, errno, "make the start socket", NULL);
	int result = listening;
	listening = -1;
	return result;
}

static int read_answer(int connection, struct sw_error *error)
{
	char text[256];
	size_t used = 0;
	for (ssize_t size = 1; size > 0 && used < sizeof text - 1; used += size > 0 ? (size_t)size : 0)
		size = SW_RETRY(read(connection, text + used, sizeof text - 1 - used));
	text[used] = 0;
	return used > 0 ? sw_refuse(error, ENOEXEC, "start", "%s", text) : 0;
}

static int release(int directory, struct sw_error *error)
{
	const struct sockaddr_un address = address_in(directory);
	SW_AUTOCLOSE int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection < 0 || connect(connection, (const struct sockaddr *)&address, sizeof address) < 0)
		return sw_fail(error, errno == ENOENT ? ESTALE : errno, "reach the created process", NULL);
	int result = read_answer(connection, error);
	unlinkat(directory, START_SOCKET, 0);
	return result;
}

int start(const struct plan *plan, int directory, pid_t pid, struct sw_error *error)
{
	struct sw_error hook_error = { 0 };
	/* Of two callers the second finds no socket. */
	if (SW_RETRY(flock(directory, LOCK_EX)) < 0)
		return sw_fail(error, errno, "lock the container", NULL);
	int result = release(directory, error);
	flock(directory, LOCK_UN);
	/* config.md#poststart: a failure is logged and the container goes on. */
	if (result == 0 && hooks_run(plan, PLAN_POSTSTART, "running", pid, &hook_error) < 0)
		outcome_warn(hook_error.message);
	return result;
}
