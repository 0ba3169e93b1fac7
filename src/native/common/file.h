/* Whole files and whole writes. */
#ifndef SW_FILE_H
#define SW_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* Everything, EINTR and short writes handled. 0 or -errno. */
int sw_write_all(int descriptor, const void *bytes, size_t size);

/* Reads from the current position to the end, with a NUL after the last byte (not counted). The caller frees *bytes.
 * -EFBIG when there are more than `limit` bytes. */
int sw_read_all(int descriptor, size_t limit, char **bytes, size_t *size);

/* Replaces the content of an existing kernel file such as cgroup.freeze. */
int sw_write_file(const char *path, const char *text, struct sw_error *error);

/* Milliseconds since the Unix epoch, and monotonic milliseconds. */
uint64_t sw_now_ms(void);
uint64_t sw_monotonic_ms(void);

#endif
