/* The daemon's side of `swarm-init serve`: requests with the descriptors that belong to them. */
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/descriptors.h"
#include "../common/error.h"

int32_t sw_exec_channel(int32_t connection, struct sw_error *error)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return sw_fail(error, errno, "make a socket pair", NULL);
	SW_AUTOCLOSE int ours = pair[0];
	SW_AUTOCLOSE int theirs = pair[1];
	int result = sw_descriptors_send(connection, "R", 1, &theirs, 1);
	if (result < 0)
		return sw_fail(error, -result, "hand over the socket for requests", NULL);
	result = ours;
	ours = -1;
	return result;
}

/* Our end and the command's of one stream. `read_here`: data comes to us. */
static int make_stream(uint32_t form, bool read_here, int *ours, int *theirs)
{
	int ends[2];
	int result = form == SW_EXEC_TERMINAL ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) :
						pipe2(ends, O_CLOEXEC);
	if (result < 0)
		return -errno;
	*ours = ends[read_here ? 0 : 1];
	*theirs = ends[read_here ? 1 : 0];
	/* The command's end is a description of its own and blocks, as it expects. */
	return read_here && fcntl(*ours, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static size_t stream_count(uint32_t form)
{
	switch (form) {
	case SW_EXEC_INPUT:
		return 3;
	case SW_EXEC_OUTPUTS:
		return 2;
	case SW_EXEC_TERMINAL:
	case SW_EXEC_DETACHED:
		return 1;
	default:
		return 0;
	}
}

int32_t sw_exec_send(int32_t channel, const uint8_t *request, uint32_t size, uint32_t form, int32_t *streams,
		     struct sw_error *error)
{
	int ours[SW_DESCRIPTORS_MAX] = { -1, -1, -1 }, theirs[SW_DESCRIPTORS_MAX] = { -1, -1, -1 };
	size_t count = stream_count(form);
	int result = 0;
	for (size_t i = 0; i < count && result == 0; i++)
		result = make_stream(form, i < 2, &ours[i], &theirs[i]);
	if (result < 0)
		sw_fail(error, -result, "make the command's streams", NULL);
	else if ((result = sw_descriptors_send(channel, request, size, theirs, count)) < 0)
		sw_fail(error, -result, "send the request", NULL);
	for (size_t i = 0; i < count; i++) {
		sw_close(&theirs[i]);
		if (result < 0)
			sw_close(&ours[i]);
		else
			streams[i] = ours[i];
	}
	return result < 0 ? result : (int32_t)count;
}
