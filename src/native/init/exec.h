/* `swarm-init exec`: one more process in a running container. */
#ifndef SW_EXEC_H
#define SW_EXEC_H

/* Arguments behind `exec`. Gives the exit code of the command (README.md). */
int exec_in_container(int count, char **arguments);

#endif
