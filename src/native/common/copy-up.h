/* A new file system begins with what the image has at its target: `tmpcopyup`, and a named volume at its first use. */
#ifndef SW_COPY_UP_H
#define SW_COPY_UP_H

#include "error.h"

/* Everything in directory `source` into directory `target`, with owners, modes and times; links are copied, never followed. */
int copy_up(int source, int target, struct sw_error *error);

#endif
