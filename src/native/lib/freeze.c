/* The v2 freezer. cgroup.events is notified at most every 10 ms, so it is read again for a moment before waiting. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/file.h"

#define SPIN_MS 1
/* Many processes take a few ms. */
#define NAP_MS 20
#define NAP_US 200
#define WAIT_MS 10

/* 1 as wanted, 0 not yet, -errno. */
static int is_frozen_as(int events, uint32_t frozen)
{
	char text[256];
	ssize_t size = SW_RETRY(pread(events, text, sizeof text - 1, 0));
	if (size < 0)
		return -errno;
	text[size] = 0;
	return strstr(text, frozen ? "frozen 1" : "frozen 0") != NULL;
}

static int wait_until(int events, uint32_t frozen, uint32_t timeout_ms)
{
	uint64_t begin = sw_monotonic_ms();
	for (;;) {
		int result = is_frozen_as(events, frozen);
		if (result != 0)
			return result;
		uint64_t passed = sw_monotonic_ms() - begin;
		if (passed >= timeout_ms)
			return -ETIMEDOUT;
		struct pollfd polled = { events, POLLPRI, 0 };
		if (passed <= SPIN_MS)
			sched_yield();
		else if (passed <= NAP_MS)
			nanosleep(&(struct timespec){ .tv_nsec = NAP_US * 1000 }, NULL);
		else
			poll(&polled, 1, WAIT_MS);
	}
}

/* Each process that a thaw wakes would else run before the next one is woken: with a hundred of them the caller waits for two context
 * switches a process. As a real-time thread it wakes them all first; what it was before it is again. Without the right to that (CAP_SYS_NICE,
 * or a real-time budget of its cgroup) it is as slow as it was. */
static int thaw(const char *path, struct sw_error *error)
{
	struct sched_param before, first = { .sched_priority = 1 };
	int policy = sched_getscheduler(0);
	bool raised = policy >= 0 && sched_getparam(0, &before) == 0 && sched_setscheduler(0, SCHED_FIFO, &first) == 0;
	int result = sw_write_file(path, "0", error);
	if (raised)
		sched_setscheduler(0, policy, &before);
	return result;
}

int32_t sw_cgroup_freeze(const char *cgroup_path, uint32_t frozen, uint32_t timeout_ms, struct sw_error *error)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/cgroup.events", cgroup_path);
	SW_AUTOCLOSE int events = open(path, O_RDONLY | O_CLOEXEC);
	if (events < 0)
		return sw_fail(error, errno, "open", path);
	snprintf(path, sizeof path, "%s/cgroup.freeze", cgroup_path);
	int result = frozen ? sw_write_file(path, "1", error) : thaw(path, error);
	if (result < 0)
		return result;
	result = wait_until(events, frozen, timeout_ms);
	return result < 0 ? sw_fail(error, -result, frozen ? "freeze" : "thaw", cgroup_path) : 0;
}
