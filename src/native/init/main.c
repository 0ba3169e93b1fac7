/* swarm-init: builds a container from inside (create, or stand when it is not known yet which; started by the monitor) or joins
 * running ones (serve, started by the daemon); try-userns and try-map ask what this machine can do. */
#include <stdio.h>
#include <string.h>

#include "../common/number.h"
#include "create.h"
#include "serve.h"
#include "try-userns.h"

int main(int count, char **arguments)
{
	uint64_t base;
	if (count == 3 && strcmp(arguments[1], "create") == 0)
		return create_container(arguments[2], false, 0);
	if (count == 4 && strcmp(arguments[1], "stand") == 0 && sw_parse_number(arguments[3], &base) == 0 && base <= UINT32_MAX)
		return create_container(arguments[2], true, (uint32_t)base);
	if (count == 3 && strcmp(arguments[1], "try-userns") == 0)
		return try_userns(arguments[2]);
	if (count > 2 && strcmp(arguments[1], "try-map") == 0)
		return try_map(arguments + 2);
	if (count == 2 && strcmp(arguments[1], "serve") == 0)
		return serve(arguments);
	fprintf(stderr, "usage: swarm-init create <directory>\n"
			"       swarm-init stand <directory> <first id or 0>\n"
			"       swarm-init try-userns <directory>\n"
			"       swarm-init try-map <path>...\n"
			"       swarm-init serve\n");
	return 2;
}
