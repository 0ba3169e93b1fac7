/* How readily the kernel kills this process when memory runs out (proc(5), oom_score_adj). */
#ifndef SW_OOM_SCORE_H
#define SW_OOM_SCORE_H

#include "launch.h"

/* Through the /proc of the host. Without CAP_SYS_RESOURCE it cannot go below where the daemon is: it stays there, and `warn` is told. */
int oom_score_adjust(const struct sw_security *security, void (*warn)(const char *text), struct sw_error *error);

#endif
