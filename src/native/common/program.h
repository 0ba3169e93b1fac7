/* Our own static programs next to the running one. */
#ifndef SW_PROGRAM_H
#define SW_PROGRAM_H

#include <stdbool.h>

#include "error.h"

/* A copy of the program `name` of the running one's directory in a sealed memory file: executed from it with
 * execveat(AT_EMPTY_PATH), nobody can change our program through /proc/<pid>/exe, not even a container's root (the attack
 * of CVE-2019-5736). 75 KB to copy; a read-only mount of the file instead would wait for RCU when it goes (1.5–3 ms). */
int sw_program_open(const char *name, struct sw_error *error);

/* Whether the running program was executed that way. */
bool sw_program_is_protected(void);

#endif
