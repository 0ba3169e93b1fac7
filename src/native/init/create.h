/* `swarm-init create <directory>`: first process of a new container. */
#ifndef SW_CREATE_H
#define SW_CREATE_H

/* Descriptors as in common/report.h. Gives the exit code when the workload could not be executed. */
int create_container(const char *directory);

#endif
