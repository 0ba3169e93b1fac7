/* Descriptors that travel with a message over a unix socket (unix(7), SCM_RIGHTS). */
#ifndef SW_DESCRIPTORS_H
#define SW_DESCRIPTORS_H

#include <stddef.h>
#include <sys/types.h>

#define SW_DESCRIPTORS_MAX 3

/* One message, or nothing: -EAGAIN when the socket has no room. `count` may be 0. 0 or -errno. */
int sw_descriptors_send(int socket, const void *bytes, size_t size, const int *descriptors, size_t count);

/* `flags` of recv(2). Gives the bytes received (0: the other end has gone) or -errno; *count is the number of descriptors, close-on-exec, the
 * caller's to close, also when it fails. A message that did not fit is -EMSGSIZE. */
ssize_t sw_descriptors_receive(int socket, void *bytes, size_t size, int flags, int descriptors[SW_DESCRIPTORS_MAX],
			       size_t *count);

#endif
