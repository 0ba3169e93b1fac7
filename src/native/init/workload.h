/* Turning into the workload. */
#ifndef SW_WORKLOAD_H
#define SW_WORKLOAD_H

#include <stddef.h>

#include "../common/error.h"
#include "../common/launch.h"

/* Environment with `added` behind `base`, later names replacing earlier ones, PATH and HOME set when absent. NULL when
 * there is no memory. Strings are shared except HOME; lives until execve. */
const char **workload_environment(const struct sw_strings *base, const struct sw_strings *added, const char *home);

/* Value of a variable, or NULL. */
const char *workload_variable(const char *const *environment, const char *name);

/* execve with PATH search. Comes back only with a failure: the exit code (126 not executable, 127 not found), with the
 * message "Cannot start <program>: …" in *error. */
int workload_execute(const char *const *arguments, const char *const *environment, struct sw_error *error);

/* The first look at a file of an overlay takes a fifth of an execve: it is over when the start comes. What is not found is no failure. */
void workload_look(const char *program, const struct sw_strings *environment);

#endif
