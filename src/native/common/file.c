#include "file.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"

int sw_write_all(int descriptor, const void *bytes, size_t size)
{
	const char *at = bytes;
	while (size > 0) {
		ssize_t written = SW_RETRY(write(descriptor, at, size));
		if (written < 0)
			return -errno;
		at += written;
		size -= (size_t)written;
	}
	return 0;
}

int sw_read_all(int descriptor, size_t limit, char **bytes, size_t *size)
{
	size_t capacity = 4096, used = 0;
	SW_AUTOFREE char *buffer = malloc(capacity + 1);
	for (;;) {
		if (!buffer)
			return -ENOMEM;
		ssize_t count = SW_RETRY(read(descriptor, buffer + used, capacity - used));
		if (count < 0)
			return -errno;
		if (count == 0)
			break;
		used += (size_t)count;
		if (used > limit)
			return -EFBIG;
		if (used == capacity) {
			capacity *= 2;
			char *larger = realloc(buffer, capacity + 1);
			if (!larger)
				return -ENOMEM;
			buffer = larger;
		}
	}
	buffer[used] = 0;
	*bytes = buffer;
	*size = used;
	buffer = NULL;
	return 0;
}

int sw_write_file(const char *path, const char *text, struct sw_error *error)
{
	SW_AUTOCLOSE int file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return sw_fail(error, errno, "open", path);
	int result = sw_write_all(file, text, strlen(text));
	return result < 0 ? sw_fail(error, -result, "write", path) : 0;
}

static uint64_t read_clock_ms(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t sw_now_ms(void)
{
	return read_clock_ms(CLOCK_REALTIME);
}

uint64_t sw_monotonic_ms(void)
{
	return read_clock_ms(CLOCK_MONOTONIC);
}
