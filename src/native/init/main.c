/* swarm-init: builds a container from inside (create, or stand when it is not known yet which; started by the monitor) or joins
 * running ones (serve, started by the daemon; exec, from a command line). */
#include <stdio.h>
#include <string.h>

#include "create.h"
#include "exec.h"
#include "serve.h"

int main(int count, char **arguments)
{
	if (count == 3 && strcmp(arguments[1], "create") == 0)
		return create_container(arguments[2], false);
	if (count == 3 && strcmp(arguments[1], "stand") == 0)
		return create_container(arguments[2], true);
	if (count > 3 && strcmp(arguments[1], "exec") == 0)
		return exec_in_container(count - 2, arguments + 2);
	if (count == 2 && strcmp(arguments[1], "serve") == 0)
		return serve(arguments);
	fprintf(stderr, "usage: swarm-init create|stand <directory>\n"
			"       swarm-init serve\n"
			"       swarm-init exec <directory> --pid <n> [--user U] [--workdir W] [--env K=V]... -- command...\n");
	return 2;
}
