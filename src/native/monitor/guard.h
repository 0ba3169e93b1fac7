/* The lease of an exclusive container: the time until which it may run. When it is over the monitor freezes the container, whatever
 * has become of the daemon, and only a later lease and then `thaw` let it run on. Time is CLOCK_BOOTTIME, which the machine's sleep
 * does not stop. */
#ifndef SW_GUARD_H
#define SW_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/error.h"

struct guard {
	bool wanted;	   /* `guarded` in the launch file */
	bool frozen;	   /* by us */
	uint64_t until_ms; /* 0: none was had yet */
	int timer;	   /* -1: none */
};

uint64_t guard_now_ms(void);

/* Whether it may run at this moment. */
bool guard_allows(const struct guard *guard);

/* A lease never gets shorter. */
int guard_extend(struct guard *guard, uint64_t until_ms, struct sw_error *error);

/* The timer of `guard` is readable: true when the lease is over. */
bool guard_is_over(struct guard *guard);

/* Writes the v2 freezer of the container; notes it. */
int guard_freeze(struct guard *guard, const char *cgroup2, bool frozen, struct sw_error *error);

/* A line of <directory>/guard: `<boot time ms> <unix ms> run|freeze|thaw|end <lease until>`: what a test or a person compares with
 * other nodes. */
void guard_note(const struct guard *guard, const char *what);

#endif
