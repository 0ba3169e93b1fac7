/* Cleanup attributes: what a scope opened or allocated is released when it is left. errno survives. */
#ifndef SW_CLEANUP_H
#define SW_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void sw_close(int *descriptor)
{
	int saved = errno;
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
	errno = saved;
}

static inline void sw_free(void *pointer)
{
	free(*(void **)pointer);
}

#define SW_AUTOCLOSE __attribute__((cleanup(sw_close)))
#define SW_AUTOFREE __attribute__((cleanup(sw_free)))

/* Repeats a system call that a signal interrupted. */
#define SW_RETRY(call)                                        \
	({                                                    \
		long sw_result;                               \
		do {                                          \
			sw_result = (long)(call);             \
		} while (sw_result < 0 && errno == EINTR);    \
		sw_result;                                    \
	})

#endif
