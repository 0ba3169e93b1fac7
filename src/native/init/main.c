/* swarm-init: builds a container from inside (create, started by the monitor) or joins one (exec, started by the daemon). */
#include <stdio.h>
#include <string.h>

#include "create.h"
#include "exec.h"

int main(int count, char **arguments)
{
	if (count == 3 && strcmp(arguments[1], "create") == 0)
		return create_container(arguments[2]);
	if (count > 3 && strcmp(arguments[1], "exec") == 0)
		return exec_in_container(count - 2, arguments + 2);
	fprintf(stderr, "usage: swarm-init create <directory>\n"
			"       swarm-init exec <directory> --pid <n> [--user U] [--workdir W] [--env K=V]... -- command...\n");
	return 2;
}
