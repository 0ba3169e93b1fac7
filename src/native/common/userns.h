/* A user namespace for a container: its ids 0 to 65535 are a range of the host's that nobody else has, so that its root is nobody
 * outside. It owns the container's other namespaces, but that of process ids: so a checkpoint wants it (criu joins them as the namespace's
 * root), and so the container's capabilities hold for them. Files keep the container's own ids on the disk: what it sees of them is
 * mounted with its ids mapped (mount_setattr(2), MOUNT_ATTR_IDMAP). */
#ifndef SW_USERNS_H
#define SW_USERNS_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

#define SW_USERNS_IDS 65536u

struct sw_userns {
	int fd; /* the namespace, or a pidfd of a process in it; -1: there is none */
	uint32_t base;
	int mounts; /* a mount namespace that it owns and that is to be entered; -1: none */
};

extern const struct sw_userns sw_userns_none;

/* What it owns of a container, besides the time namespace where the kernel has them. */
#define SW_USERNS_OWNED (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET)

/* Makes one; `base` 0 gives none. With `owned` (SW_USERNS_OWNED or 0) also the namespaces that are its own, which this process is in
 * afterwards; but for that of mounts, so that file systems can still be made with the power of the host's. The /proc of the host must be
 * there, and this process be the host's root. */
int sw_userns_make(uint32_t base, int owned, struct sw_userns *userns, struct sw_error *error);

/* Enters its mount namespace, a copy of the host's, where nothing that is mounted spreads. Root and working directory are the host's. */
int sw_userns_enter_mounts(struct sw_userns *userns, struct sw_error *error);

/* Maps the ids of a mount tree that is not attached yet. -EINVAL where a file system cannot. */
int sw_userns_map_tree(const struct sw_userns *userns, int tree, bool recursive, struct sw_error *error);

/* Files are made and looked at as the container's root from here on, with all capabilities of the host's. */
int sw_userns_assume(const struct sw_userns *userns, struct sw_error *error);

/* Files are made and looked at as the host's root again. */
int sw_userns_resume(const struct sw_userns *userns, struct sw_error *error);

/* The same with the effective ids, for what asks for these: kernel parameters of System V IPC and message queues. `is_its` false: those of the
 * host's root again. */
int sw_userns_act(const struct sw_userns *userns, bool is_its, struct sw_error *error);

/* Enters it as its root, with all its capabilities and none of the host's. */
int sw_userns_enter(const struct sw_userns *userns, struct sw_error *error);

#endif
