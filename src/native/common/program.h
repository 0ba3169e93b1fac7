/* Our own static programs next to the running one. */
#ifndef SW_PROGRAM_H
#define SW_PROGRAM_H

#include <stdbool.h>

#include "error.h"

/* The program `name` in the directory of the running one, opened through a read-only mount of its own: executed from it
 * with execveat(AT_EMPTY_PATH), /proc/<pid>/exe cannot be opened for writing, so a container's root cannot change our
 * program through it (the attack of CVE-2019-5736). */
int sw_program_open(const char *name, struct sw_error *error);

/* Whether the running program was executed that way. */
bool sw_program_is_protected(void);

#endif
