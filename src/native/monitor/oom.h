/* How often the kernel killed a process of the container's cgroups for lack of memory. */
#ifndef SW_OOM_H
#define SW_OOM_H

#include "../common/launch.h"

/* Sum of `oom_kill` of v2 memory.events and v1 memory.oom_control; 0 where there is neither. */
uint64_t oom_kills(const struct sw_launch *launch);

#endif
