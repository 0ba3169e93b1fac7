/* Kernel parameters of the container's own namespaces. */
#ifndef SW_SYSCTLS_H
#define SW_SYSCTLS_H

#include "launch.h"

/* Sets those whose name begins with `prefix` ("" is all), through the /proc of the host: it shows each reader its own namespaces.
 * Every file is checked to be procfs's own (CVE-2025-52881), and no link is followed. */
int sw_sysctls_set(const struct sw_security *security, const char *prefix, struct sw_error *error);

#endif
