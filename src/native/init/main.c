/* swarm-init: builds a container from inside (create, or stand when it is not known yet which; started by the monitor) or joins
 * running ones (serve, started by the daemon). */
#include <stdio.h>
#include <string.h>

#include "create.h"
#include "serve.h"

int main(int count, char **arguments)
{
	if (count == 3 && strcmp(arguments[1], "create") == 0)
		return create_container(arguments[2], false);
	if (count == 3 && strcmp(arguments[1], "stand") == 0)
		return create_container(arguments[2], true);
	if (count == 2 && strcmp(arguments[1], "serve") == 0)
		return serve(arguments);
	fprintf(stderr, "usage: swarm-init create|stand <directory>\n"
			"       swarm-init serve\n");
	return 2;
}
