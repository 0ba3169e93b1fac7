/* Our own static programs next to the running one. */
#ifndef SW_PROGRAM_H
#define SW_PROGRAM_H

#include "error.h"

/* A copy of the program `name` of the running one's directory in a sealed memory file: executed from it with
 * execveat(AT_EMPTY_PATH), nobody can change our program through /proc/<pid>/exe, not even a container's root (the attack
 * of CVE-2019-5736). 75 KB to copy; a read-only mount of the file instead would wait for RCU when it goes (1.5–3 ms). */
int sw_program_open(const char *name, struct sw_error *error);

/* Executes the running program, which is `name`, again from such a file with the same arguments and no environment; comes back with
 * 0 when it already is, else with the failure. */
int sw_program_protect(const char *name, char **arguments, struct sw_error *error);

#endif
