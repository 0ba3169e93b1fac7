/* Many short files of the kernel in one call, over descriptors that are kept: opening one takes four times as long as reading it. */
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/error.h"

#define ABSENT UINT32_MAX
/* What the kernel gives of such a file at once: a page. Asking for more costs another call. */
#define FILE_BYTES_MAX 4096u

int32_t sw_read_descriptors(const int32_t *descriptors, uint32_t count, uint8_t *buffer, uint32_t size, uint32_t *ends,
			    struct sw_error *error)
{
	uint32_t used = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (size - used < FILE_BYTES_MAX)
			return sw_fail(error, ENOBUFS, "read into the buffer", NULL);
		ssize_t got = SW_RETRY(pread(descriptors[i], buffer + used, FILE_BYTES_MAX, 0));
		used += got > 0 ? (uint32_t)got : 0;
		ends[i] = got < 0 ? ABSENT : used;
	}
	return (int32_t)used;
}
