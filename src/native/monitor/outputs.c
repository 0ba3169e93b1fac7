#include "outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../common/cleanup.h"
#include "../common/file.h"

static int make_pipe(struct log_stream *log, int *write_end, ino_t *inode, struct sw_error *error)
{
	int ends[2];
	struct stat about;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return sw_fail(error, errno, "make a pipe", log->name);
	*write_end = ends[1];
	log->pipe = ends[0];
	if (fstat(ends[0], &about) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
		return sw_fail(error, errno, "set the pipe", log->name);
	*inode = about.st_ino;
	return 0;
}

static int write_inodes(const char *directory, const ino_t inodes[2], struct sw_error *error)
{
	char path[4096], text[64];
	snprintf(path, sizeof path, "%s/pipes", directory);
	snprintf(text, sizeof text, "%llu %llu\n", (unsigned long long)inodes[0], (unsigned long long)inodes[1]);
	SW_AUTOCLOSE int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0)
		return sw_fail(error, errno, "make", path);
	int result = sw_write_all(file, text, strlen(text));
	return result < 0 ? sw_fail(error, -result, "write", path) : 0;
}

int outputs_make(struct monitor *monitor, int write_ends[2], struct sw_error *error)
{
	ino_t inodes[2];
	for (int i = 0; i < 2; i++) {
		int result = make_pipe(&monitor->logs[i], &write_ends[i], &inodes[i], error);
		if (result < 0)
			return result;
	}
	return write_inodes(monitor->directory, inodes, error);
}

void outputs_bound(struct monitor *monitor)
{
	for (int i = 0; i < 2; i++)
		log_bound(&monitor->logs[i], monitor->launch.log_bytes / 2);
}

int report_pair_make(int *ours, int *theirs, struct sw_error *error)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return sw_fail(error, errno, "make a socket pair", NULL);
	*ours = pair[0];
	*theirs = pair[1];
	return 0;
}
