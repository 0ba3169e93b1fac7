#include "channel.h"

#include <stdio.h>
#include <sys/socket.h>

#include "../common/cleanup.h"

static const char step[] = "speak with the container's first process";

int channel_make(int ends[2], struct sw_error *error)
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? sw_fail(error, errno, step, NULL) : 0;
}

void channel_tell(int channel, enum channel_kind kind, int32_t code, const char *text)
{
	struct sw_report message = { .kind = kind, .code = code };
	snprintf(message.text, sizeof message.text, "%s", text);
	send(channel, &message, sizeof message, MSG_NOSIGNAL);
}

int channel_ask(int channel, enum channel_kind kind, struct sw_error *error)
{
	char byte;
	channel_tell(channel, kind, 0, "");
	return SW_RETRY(recv(channel, &byte, 1, 0)) == 1 ? 0 : sw_fail(error, EPIPE, step, NULL);
}

int channel_answer(int channel, struct sw_error *error)
{
	return SW_RETRY(send(channel, "G", 1, MSG_NOSIGNAL)) == 1 ? 0 : sw_fail(error, errno, step, NULL);
}

int channel_read(int channel, struct sw_report *report, struct sw_error *error)
{
	ssize_t size = SW_RETRY(recv(channel, report, sizeof *report, 0));
	if (size < 0)
		return sw_fail(error, errno, step, NULL);
	report->text[sizeof report->text - 1] = 0;
	return size == sizeof *report;
}
