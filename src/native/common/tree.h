/* Mount trees that are taken before pivot_root and attached after it, so that paths of the container are resolved
 * inside the container only (open_tree(2), mount_setattr(2), move_mount(2): Linux 5.12). */
#ifndef SW_TREE_H
#define SW_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

/* A detached copy of what is mounted at `path`, with attributes set and cleared. Gives a descriptor. */
int sw_tree_clone(const char *path, bool recursive, uint64_t set, uint64_t clear, struct sw_error *error);

/* The same of what an open descriptor stands for, without the mounts below it. */
int sw_tree_clone_at(int source, uint64_t set, struct sw_error *error);

/* What mount(2) makes of a file system without a device, detached. */
int sw_tree_make(const char *type, uint64_t attributes, struct sw_error *error);

/* Mounts the tree at `target`. */
int sw_tree_attach(int tree, const char *target, struct sw_error *error);

/* The same with the mounts below it. */
int sw_tree_clone_below(int source, uint64_t set, struct sw_error *error);

/* Mounts the tree at what an open descriptor stands for; `target` is for the message. */
int sw_tree_attach_at(int tree, int directory, const char *target, struct sw_error *error);

#endif
