/* config.md#linux-devices: the devices of every container, those of the configuration, and the links of #dev-symbolic-links. */
#ifndef SW_OCI_DEVICES_H
#define SW_OCI_DEVICES_H

#include "plan.h"

/* Where nodes may not be made (user namespaces), the host's are bound. */
int devices_make(const struct plan *plan, int root, struct sw_error *error);

#endif
