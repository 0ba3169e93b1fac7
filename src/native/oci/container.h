/* The container's first process, from its birth to the execution of the configured program. */
#ifndef SW_OCI_CONTAINER_H
#define SW_OCI_CONTAINER_H

#include "../common/cgroup.h"
#include "../common/seccomp.h"
#include "plan.h"

struct birth {
	const struct plan *plan;
	struct sw_cgroup1 cgroup1;
	struct sw_seccomp seccomp;
	int start;   /* listening: who connects starts the container */
	int channel;
	int console; /* -1 without a terminal */
};

/* Never comes back. */
_Noreturn void container_become(struct birth *birth);

#endif
