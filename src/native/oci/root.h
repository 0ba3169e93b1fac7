/* config.md#root: the bundle's root file system becomes `/`. */
#ifndef SW_OCI_ROOT_H
#define SW_OCI_ROOT_H

#include "plan.h"

/* Propagation of the new mount namespace, and the root bound onto itself; gives a descriptor of it. */
int root_take(const struct plan *plan, struct sw_error *error);
/* pivot_root(2), or a moved mount and chroot(2) with --no-pivot. */
int root_enter(const struct plan *plan, int root, struct sw_error *error);
/* After everything inside is made: read-only, propagation. */
int root_finish(const struct plan *plan, struct sw_error *error);

#endif
