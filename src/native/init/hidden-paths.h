/* What of the kernel's file systems a container may not see or not change (OCI runtime spec, config-linux.md, "Masked Paths" and
 * "Readonly Paths"). */
#ifndef SW_HIDDEN_PATHS_H
#define SW_HIDDEN_PATHS_H

#include "../common/launch.h"

/* In the container's root, /proc, /sys and /dev being mounted, devpts not yet. What this kernel lacks needs no hiding. No link is
 * followed anywhere, and what covers a path is checked to be what it should be: an earlier life of the container may have put links
 * into its /dev (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881). */
int hidden_paths_make(const struct sw_security *security, struct sw_error *error);

/* The container's root becomes read-only; mounts on it stay as they are. */
int root_read_only(struct sw_error *error);

#endif
