#include "attach.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* For one connection that does not read. */
#define FINISH_MS_MAX 1000

void attach_begin(struct monitor *monitor, struct client *client)
{
	struct attachment *attachment = monitor->phase == PHASE_STANDING ? NULL : attachment_new();
	if (!attachment)
		return control_send(client, "error attach not possible now");
	control_send(client, "ok attach");
	if (client->socket < 0)
		return attachment_free(attachment);
	/* What came with the line. */
	memcpy(attachment->input, client->input, client->input_size);
	attachment->input_size = client->input_size;
	client->input_size = 0;
	client->attachment = attachment;
}

/* A lagging one is let go. */
static void offer(void *listener, const struct log_stream *log, const char *bytes, size_t size)
{
	struct monitor *monitor = listener;
	enum attachment_kind kind = log == &monitor->logs[0] ? ATTACHMENT_STDOUT : ATTACHMENT_STDERR;
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *client = &monitor->control.clients[i];
		if (client->socket >= 0 && client->attachment &&
		    (!attachment_put(client->attachment, kind, bytes, size) ||
		     !attachment_flush(client->attachment, client->socket)))
			control_close(client);
	}
}

void attach_listen(struct monitor *monitor)
{
	for (int i = 0; i < 2; i++) {
		monitor->logs[i].tee = offer;
		monitor->logs[i].listener = monitor;
	}
}

static bool obey(struct monitor *monitor, const struct attachment_frame *frame)
{
	const unsigned char *payload = frame->payload;
	switch (frame->kind) {
	case ATTACHMENT_STDIN:
		if (monitor->launch.input)
			input_take(&monitor->input, (const char *)payload, frame->size);
		return true;
	case ATTACHMENT_RESIZE:
		if (frame->size == 4)
			input_resize(&monitor->input, (unsigned short)(payload[0] << 8 | payload[1]),
				     (unsigned short)(payload[2] << 8 | payload[3]));
		return frame->size == 4;
	case ATTACHMENT_END:
		input_end(&monitor->input);
		return true;
	default:
		return false;
	}
}

short attach_events(const struct monitor *monitor, const struct client *client)
{
	return (short)((input_has_room(&monitor->input) ? POLLIN : 0) | (client->attachment->size ? POLLOUT : 0));
}

static void take_frames(struct monitor *monitor, struct client *client)
{
	struct attachment_frame frame;
	int found = 0;
	while (input_has_room(&monitor->input) && (found = attachment_frame(client->attachment, &frame)) > 0) {
		if (!obey(monitor, &frame))
			return control_close(client);
		attachment_next(client->attachment, &frame);
	}
	if (found < 0)
		control_close(client);
}

void attach_serve(struct monitor *monitor, struct client *client, short events)
{
	if (events & POLLOUT && !attachment_flush(client->attachment, client->socket))
		return control_close(client);
	if (!(events & (POLLIN | POLLHUP | POLLERR)))
		return;
	bool open = attachment_read(client->attachment, client->socket);
	take_frames(monitor, client);
	if (!open && client->socket >= 0)
		control_close(client);
}

void attach_resume(struct monitor *monitor)
{
	input_flush(&monitor->input);
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *client = &monitor->control.clients[i];
		if (client->socket >= 0 && client->attachment)
			take_frames(monitor, client);
	}
}

static void finish(struct client *client)
{
	while (client->attachment->size > 0) {
		struct pollfd polled = { client->socket, POLLOUT, 0 };
		if (poll(&polled, 1, FINISH_MS_MAX) <= 0 || !attachment_flush(client->attachment, client->socket))
			return;
	}
}

void attach_finish(struct monitor *monitor)
{
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *client = &monitor->control.clients[i];
		if (client->socket < 0 || !client->attachment)
			continue;
		finish(client);
		control_close(client);
	}
}
