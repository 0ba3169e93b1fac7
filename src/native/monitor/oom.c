#include "oom.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../common/cleanup.h"

static uint64_t read_count(const char *directory, const char *name)
{
	char path[PATH_MAX], text[512];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	SW_AUTOCLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = file < 0 ? -1 : SW_RETRY(read(file, text, sizeof text - 1));
	if (size <= 0)
		return 0;
	text[size] = 0;
	const char *line = strncmp(text, "oom_kill ", 9) == 0 ? text : strstr(text, "\noom_kill ");
	return line ? strtoull(strchr(line, ' ') + 1, NULL, 10) : 0;
}

uint64_t oom_kills(const struct sw_launch *launch)
{
	uint64_t sum = read_count(launch->cgroup2, "memory.events");
	for (size_t i = 0; i < launch->cgroup1.count; i++)
		sum += read_count(launch->cgroup1.items[i], "memory.oom_control");
	return sum;
}
