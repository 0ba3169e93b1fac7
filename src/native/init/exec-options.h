/* What a request says of a command (README.md, `exec`). Pure. */
#ifndef SW_EXEC_OPTIONS_H
#define SW_EXEC_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "../common/launch.h"
#include "terminal.h"

struct exec_options {
	const char *directory;
	pid_t pid;
	const char *user, *workdir; /* NULL: the container's */
	struct sw_strings env;	    /* items point into the arguments */
	struct terminal_size size; /* rows 0: no terminal */
	const char *const *command;
	bool next; /* another command of the container is expected */
};

/* `env_items` has room for `count` entries. -EINVAL with what is wrong. */
int exec_options_parse(int count, char **arguments, const char **env_items, struct exec_options *options,
		       struct sw_error *error);

#endif
