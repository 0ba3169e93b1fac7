/* config.md#mounts, masked and read-only paths: everything is made detached and then moved onto a descriptor of its target (fsopen(2),
 * open_tree(2), move_mount(2): Linux 5.12), so that no link can redirect a mount. */
#ifndef SW_OCI_MOUNTS_H
#define SW_OCI_MOUNTS_H

#include "plan.h"

/* In the container's mount namespace, with the host's names still there; `root` is the container's root. */
int mounts_make(const struct plan *plan, int root, struct sw_error *error);
/* Binds the file at `source`, or an open one, over `path`. */
int mounts_bind_file(int root, const char *source, const char *path, struct sw_error *error);
int mounts_bind(int root, int file, const char *path, struct sw_error *error);
/* config.md#masked-paths and #readonly-paths; absent paths need no hiding. */
int mounts_hide(const struct plan *plan, int root, struct sw_error *error);
/* Attributes (mount_setattr(2)) of what `descriptor` is the root of. */
int mounts_change(int descriptor, bool recursive, uint64_t set, uint64_t clear, uint64_t propagation);

#endif
