#include "guard.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/file.h"
#include "complain.h"

/* Then the record begins anew: a few hundred leases that ended. */
#define RECORD_BYTES_MAX (64 * 1024)

uint64_t guard_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool guard_allows(const struct guard *guard)
{
	return !guard->wanted || guard_now_ms() < guard->until_ms;
}

int guard_extend(struct guard *guard, uint64_t until_ms, struct sw_error *error)
{
	if (until_ms <= guard->until_ms)
		return 0;
	if (guard->timer < 0)
		guard->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	const struct itimerspec at = {
		.it_value = { .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000 },
	};
	if (guard->timer < 0 || timerfd_settime(guard->timer, TFD_TIMER_ABSTIME, &at, NULL) < 0)
		return sw_fail(error, errno, "set the timer of the lease", NULL);
	guard->until_ms = until_ms;
	return 0;
}

bool guard_is_over(struct guard *guard)
{
	uint64_t count;
	if (read(guard->timer, &count, sizeof count) < 0)
		return false;
	return !guard_allows(guard);
}

int guard_freeze(struct guard *guard, const char *cgroup2, bool frozen, struct sw_error *error)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/cgroup.freeze", cgroup2);
	int result = sw_write_file(path, frozen ? "1" : "0", error);
	if (result < 0)
		return result;
	guard->frozen = frozen;
	guard_note(guard, frozen ? "freeze" : "thaw");
	return 0;
}

void guard_note(const struct guard *guard, const char *what)
{
	struct stat status;
	if (!guard->wanted)
		return;
	SW_AUTOCLOSE int file = open("guard", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (file >= 0 && fstat(file, &status) == 0 && status.st_size > RECORD_BYTES_MAX && ftruncate(file, 0) < 0)
		monitor_complain("The record of the lease cannot be begun anew");
	if (file < 0 || dprintf(file, "%llu %llu %s %llu\n", (unsigned long long)guard_now_ms(), (unsigned long long)sw_now_ms(),
				what, (unsigned long long)guard->until_ms) < 0)
		monitor_complain("The record of the lease cannot be written");
}
