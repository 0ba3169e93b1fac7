#include "outcome.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "../common/cleanup.h"
#include "../common/file.h"

static int pipe_end = -1;

void outcome_open(int descriptor)
{
	pipe_end = descriptor;
}

void outcome_keep(void)
{
	if (fcntl(pipe_end, F_SETFD, FD_CLOEXEC) < 0)
		pipe_end = -1;
}

void outcome_close(void)
{
	sw_close(&pipe_end);
}

static void say(char kind, const char *text)
{
	char line[320];
	int size = snprintf(line, sizeof line, "%c %s\n", kind, text);
	if (size >= (int)sizeof line)
		size = (int)sizeof line - 1;
	if (pipe_end >= 0)
		sw_write_all(pipe_end, line, (size_t)size);
	else
		sw_write_all(STDERR_FILENO, line, (size_t)size);
}

void outcome_fail(const char *text)
{
	say('E', text);
}

void outcome_warn(const char *text)
{
	say('W', text);
}
