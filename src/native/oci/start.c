#include "start.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "container.h"
#include "hooks.h"
#include "outcome.h"

/* Until the other end has come and gone: what it wrote is why it failed. */
static int read_answer(int fifo, int process, struct sw_error *error)
{
	char text[256];
	size_t used = 0;
	for (;;) {
		struct pollfd polled[2] = { { fifo, POLLIN, 0 }, { process, POLLIN, 0 } };
		if (SW_RETRY(poll(polled, 2, -1)) < 0)
			return sw_fail(error, errno, "wait for the start", NULL);
		ssize_t size = polled[0].revents ? SW_RETRY(read(fifo, text + used, sizeof text - 1 - used)) : 0;
		used += size > 0 ? (size_t)size : 0;
		bool is_whole = (polled[0].revents & POLLHUP) && size == 0;
		if (!is_whole && !polled[1].revents)
			continue;
		text[used] = 0;
		return used > 0 ? sw_refuse(error, ENOEXEC, "start", "%s", text) : 0;
	}
}

static int take(int directory, int process, struct sw_error *error)
{
	/* Opened without waiting, so that a container that died meanwhile is noticed. */
	SW_AUTOCLOSE int fifo = openat(directory, START_FIFO, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fifo < 0)
		return sw_fail(error, errno == ENOENT ? ESTALE : errno, "open the start fifo", NULL);
	int result = read_answer(fifo, process, error);
	unlinkat(directory, START_FIFO, 0);
	return result;
}

int start(const struct plan *plan, int directory, int process, pid_t pid, struct sw_error *error)
{
	struct sw_error hook_error = { 0 };
	/* Of two callers the second finds no fifo. */
	if (SW_RETRY(flock(directory, LOCK_EX)) < 0)
		return sw_fail(error, errno, "lock the container", NULL);
	int result = take(directory, process, error);
	flock(directory, LOCK_UN);
	/* config.md#poststart: a failure is logged and the container goes on. */
	if (result == 0 && hooks_run(plan, PLAN_POSTSTART, "running", pid, &hook_error) < 0)
		outcome_warn(hook_error.message);
	return result;
}
