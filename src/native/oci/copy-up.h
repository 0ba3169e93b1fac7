/* `tmpcopyup`: a tmpfs begins with what the image has at its target. */
#ifndef SW_OCI_COPY_UP_H
#define SW_OCI_COPY_UP_H

#include "../common/error.h"

/* Everything in directory `source` into directory `target`, with owners, modes and times; links are copied, never followed. */
int copy_up(int source, int target, struct sw_error *error);

#endif
