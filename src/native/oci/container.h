/* The container's first process, from its birth to the execution of the configured program. */
#ifndef SW_OCI_CONTAINER_H
#define SW_OCI_CONTAINER_H

#include "../common/cgroup.h"
#include "plan.h"

/* Of the fifo in the container's directory: whoever opens it for reading starts the container. */
#define START_FIFO "start"

struct birth {
	const struct plan *plan;
	struct sw_cgroup1 cgroup1;
	int directory, channel, console; /* console: -1 without a terminal */
};

/* Never comes back. */
_Noreturn void container_become(struct birth *birth);

#endif
