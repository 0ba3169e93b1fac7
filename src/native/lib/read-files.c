/* Many short files of the kernel in one call: from Node each would cost an open, a stat, a read and a close of its own. */
#include <fcntl.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/error.h"

#define ABSENT UINT32_MAX

int32_t sw_read_files(const char *const *paths, uint32_t count, uint8_t *buffer, uint32_t size, uint32_t *ends,
		      struct sw_error *error)
{
	uint32_t used = 0;
	for (uint32_t i = 0; i < count; i++) {
		SW_AUTOCLOSE int file = open(paths[i], O_RDONLY | O_CLOEXEC);
		ssize_t got = file < 0 ? -1 : 0;
		while (file >= 0 && used < size && (got = SW_RETRY(read(file, buffer + used, size - used))) > 0)
			used += (uint32_t)got;
		if (file >= 0 && used == size)
			return sw_fail(error, ENOBUFS, "read into the buffer", paths[i]);
		ends[i] = got < 0 ? ABSENT : used;
	}
	return (int32_t)used;
}
