/* The machine's clock; signals through a descriptor: a pid that was given to another process between the two calls cannot be hit. */
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "../common/cleanup.h"
#include "../common/error.h"
#include "../common/syscalls.h"

int32_t sw_abi_version(void)
{
	return SW_ABI_VERSION;
}

/* Also a process that nobody has reaped yet is gone. */
static int has_ended(int process)
{
	struct pollfd polled = { process, POLLIN, 0 };
	return poll(&polled, 1, 0) > 0;
}

int64_t sw_boot_time_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int32_t sw_signal(int32_t pid, int32_t signal, struct sw_error *error)
{
	SW_AUTOCLOSE int process = pid > 0 ? sw_pidfd_open(pid) : -1;
	if (pid <= 0)
		return sw_fail(error, EINVAL, "find the process", NULL);
	if (process >= 0 && has_ended(process))
		return 0;
	if (process >= 0 && sw_pidfd_send_signal(process, signal) == 0)
		return 1;
	return errno == ESRCH ? 0 : sw_fail(error, errno, "send the signal", NULL);
}
