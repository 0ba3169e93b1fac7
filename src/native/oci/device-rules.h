/* config-linux.md#allowed-device-list as an eBPF program on the container's v2 cgroup. */
#ifndef SW_OCI_DEVICE_RULES_H
#define SW_OCI_DEVICE_RULES_H

#include "plan.h"

/* Without rules nothing is attached. */
int device_rules_attach(const struct plan *plan, int cgroup2, struct sw_error *error);

#endif
