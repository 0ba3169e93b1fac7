/* The loopback interface of a new network namespace. */
#ifndef SW_LOOPBACK_H
#define SW_LOOPBACK_H

#include "error.h"

/* Of the namespace that this process is in. */
int sw_loopback_up(struct sw_error *error);

#endif
