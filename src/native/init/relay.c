#include "relay.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "../common/cleanup.h"
#include "../common/descriptors.h"

enum { AT_HANDOVER, AT_MASTER, AT_STREAM };

struct relay *relay_add(struct relay *relays[RELAYS_MAX], uint64_t id, int stream, int handover)
{
	SW_AUTOCLOSE int caller = stream;
	SW_AUTOCLOSE int command = handover;
	struct relay **place = NULL;
	for (int i = 0; i < RELAYS_MAX && !place; i++)
		if (!relays[i])
			place = &relays[i];
	struct relay *relay = place ? calloc(1, sizeof *relay) : NULL;
	if (!relay)
		return NULL;
	relay->id = id;
	relay->master = -1;
	relay->handover = command;
	relay->stream = caller;
	command = caller = -1;
	return *place = relay;
}

struct relay *relay_by_id(struct relay *relays[RELAYS_MAX], uint64_t id)
{
	for (int i = 0; i < RELAYS_MAX; i++)
		if (relays[i] && relays[i]->id == id)
			return relays[i];
	return NULL;
}

static short wanted(bool read, bool write)
{
	return (short)((read ? POLLIN : 0) | (write ? POLLOUT : 0));
}

void relay_arm(const struct relay *relay, struct pollfd polled[RELAY_POLLED])
{
	bool to_caller = relay->to_caller.size > 0, to_command = relay->to_command.size > 0;
	polled[AT_HANDOVER] = (struct pollfd){ relay->handover, POLLIN, 0 };
	polled[AT_MASTER] = (struct pollfd){ relay->master, wanted(!to_caller, to_command), 0 };
	/* A full buffer and no room: neither, or a caller that hung up would wake us for ever. */
	polled[AT_STREAM] = (struct pollfd){ relay->stream, wanted(!to_command && relay->master >= 0, to_caller), 0 };
	if (!polled[AT_MASTER].events)
		polled[AT_MASTER].fd = -1;
	if (!polled[AT_STREAM].events)
		polled[AT_STREAM].fd = -1;
}

static void take_master(struct relay *relay)
{
	char byte;
	size_t count;
	int descriptors[SW_DESCRIPTORS_MAX];
	sw_descriptors_receive(relay->handover, &byte, 1, MSG_DONTWAIT, descriptors, &count);
	while (count > 1)
		close(descriptors[--count]);
	if (count == 1 && fcntl(descriptors[0], F_SETFL, O_RDWR | O_NONBLOCK) == 0)
		relay->master = descriptors[0];
	else if (count == 1)
		close(descriptors[0]);
	sw_close(&relay->handover);
}

/* False when that side has ended. */
static bool fill(int from, struct relay_buffer *buffer)
{
	if (buffer->size > 0)
		return true;
	ssize_t count = SW_RETRY(read(from, buffer->bytes, sizeof buffer->bytes));
	if (count <= 0)
		return count < 0 && errno == EAGAIN;
	buffer->at = 0;
	buffer->size = (size_t)count;
	return true;
}

static bool empty(int to, struct relay_buffer *buffer)
{
	while (buffer->size > 0) {
		ssize_t count = SW_RETRY(write(to, buffer->bytes + buffer->at, buffer->size));
		if (count < 0)
			return errno == EAGAIN;
		buffer->at += (size_t)count;
		buffer->size -= (size_t)count;
	}
	return true;
}

/* Without its caller the terminal hangs up: the kernel tells the command by SIGHUP. */
static void lose_caller(struct relay *relay)
{
	sw_close(&relay->stream);
	sw_close(&relay->master);
	relay->to_caller.size = relay->to_command.size = 0;
}

static void lose_command(struct relay *relay)
{
	sw_close(&relay->master);
	relay->to_command.size = 0;
}

/* What is there goes through; an ended command's terminal is then read again until it is empty. */
static void pass_on(struct relay *relay)
{
	do {
		if (relay->master >= 0 && !fill(relay->master, &relay->to_caller))
			lose_command(relay);
		else if (relay->ending && relay->to_caller.size == 0)
			lose_command(relay);
		if (relay->stream >= 0 && !empty(relay->stream, &relay->to_caller))
			return lose_caller(relay);
	} while (relay->ending && relay->master >= 0 && relay->to_caller.size == 0);
}

static void take_input(struct relay *relay)
{
	if (!fill(relay->stream, &relay->to_command))
		return lose_caller(relay);
	if (relay->master >= 0 && !empty(relay->master, &relay->to_command))
		lose_command(relay);
}

void relay_handle(struct relay *relay, const struct pollfd polled[RELAY_POLLED])
{
	if (polled[AT_HANDOVER].revents)
		take_master(relay);
	if (polled[AT_MASTER].revents & POLLOUT && !empty(relay->master, &relay->to_command))
		lose_command(relay);
	if (polled[AT_STREAM].revents & (POLLIN | POLLHUP | POLLERR) && relay->stream >= 0)
		take_input(relay);
	if (polled[AT_MASTER].revents || polled[AT_STREAM].revents & POLLOUT || relay->ending)
		pass_on(relay);
}

void relay_resize(const struct relay *relay, const struct terminal_size *size)
{
	struct winsize window = { .ws_row = size->rows, .ws_col = size->columns };
	if (relay->master >= 0)
		ioctl(relay->master, TIOCSWINSZ, &window);
}

void relay_end(struct relay *relay)
{
	if (relay->handover >= 0) {
		struct pollfd polled = { relay->handover, POLLIN, 0 };
		if (poll(&polled, 1, 0) > 0)
			take_master(relay);
		sw_close(&relay->handover);
	}
	relay->ending = true;
	pass_on(relay);
}

bool relay_is_done(const struct relay *relay)
{
	return relay->ending && relay->master < 0 && (relay->stream < 0 || relay->to_caller.size == 0);
}

void relay_remove(struct relay **place)
{
	sw_close(&(*place)->handover);
	sw_close(&(*place)->master);
	sw_close(&(*place)->stream);
	free(*place);
	*place = NULL;
}
