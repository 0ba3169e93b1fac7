/* A bursty service: every `period` ms it has `work` ms of work to do, and remembers how long after the begin of the period each was
 * done. Prints "<p50> <p99> <max>" in microseconds for the last `measured` of all. Usage: burst PERIOD_MS WORK_MS BURSTS MEASURED */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BURSTS_MAX 100000

static int64_t now_ns(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* The processor's time of this thread alone: what others take does not count as work. */
static void work(int64_t ns)
{
	int64_t end = now_ns(CLOCK_THREAD_CPUTIME_ID) + ns;
	while (now_ns(CLOCK_THREAD_CPUTIME_ID) < end)
		;
}

static int compare(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return a < b ? -1 : a > b;
}

int main(int argc, char **argv)
{
	static int64_t took[BURSTS_MAX];
	if (argc != 5)
		return 2;
	int64_t period = atoll(argv[1]) * 1000000, load = atoll(argv[2]) * 1000000;
	long bursts = atol(argv[3]), measured = atol(argv[4]), kept = 0;
	if (period <= 0 || load <= 0 || measured < 1 || measured > BURSTS_MAX || bursts < measured)
		return 2;
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	for (long i = 0; i < bursts; i++) {
		begin += period;
		struct timespec until = { begin / 1000000000, begin % 1000000000 };
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
			;
		work(load);
		if (i >= bursts - measured)
			took[kept++] = now_ns(CLOCK_MONOTONIC) - begin;
	}
	qsort(took, (size_t)kept, sizeof *took, compare);
	printf("%lld %lld %lld\n", (long long)took[kept / 2] / 1000, (long long)took[kept * 99 / 100] / 1000,
	       (long long)took[kept - 1] / 1000);
	return 0;
}
