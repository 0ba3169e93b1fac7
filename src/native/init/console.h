/* /dev/console of a container with a terminal (OCI runtime spec, config-linux.md "Default Devices"). */
#ifndef SW_CONSOLE_H
#define SW_CONSOLE_H

#include "../common/error.h"

/* Shows the terminal that is standard input there. Before any process of the container runs: /dev is its own directory and may
 * hold what an earlier life made of the name. */
int console_show(struct sw_error *error);

#endif
