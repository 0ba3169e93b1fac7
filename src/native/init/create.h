/* `swarm-init create <directory>` and `stand <directory>`: first process of a new container. */
#ifndef SW_CREATE_H
#define SW_CREATE_H

#include <stdbool.h>
#include <stdint.h>

/* Descriptors as in common/report.h. Gives the exit code when the workload could not be executed. `standing`: first waits, in all of
 * its namespaces, until the launch file is written; the container directory, its working directory, may be moved until then. `base`: of the user
 * namespace that it stands in, 0 for none. */
int create_container(const char *directory, bool standing, uint32_t base);

#endif
