#include "attachment.h"

#include <string.h>
#include <sys/socket.h>

#include "../common/cleanup.h"

#define HEADER_SIZE 5

struct attachment *attachment_new(void)
{
	return calloc(1, sizeof(struct attachment));
}

void attachment_free(struct attachment *attachment)
{
	if (attachment)
		free(attachment->output);
	free(attachment);
}

static bool make_room(struct attachment *attachment, size_t wanted)
{
	if (attachment->at > 0) {
		memmove(attachment->output, attachment->output + attachment->at, attachment->size);
		attachment->at = 0;
	}
	if (attachment->size + wanted <= attachment->capacity)
		return true;
	if (attachment->size + wanted > ATTACHMENT_OUTPUT_MAX)
		return false;
	size_t capacity = 2 * (attachment->size + wanted);
	capacity = capacity > ATTACHMENT_OUTPUT_MAX ? ATTACHMENT_OUTPUT_MAX : capacity;
	char *larger = realloc(attachment->output, capacity);
	if (!larger)
		return false;
	attachment->output = larger;
	attachment->capacity = capacity;
	return true;
}

static void write_size(unsigned char *header, size_t size)
{
	for (int i = 0; i < 4; i++)
		header[i] = (unsigned char)(size >> (8 * (3 - i)));
}

bool attachment_put(struct attachment *attachment, enum attachment_kind kind, const char *bytes, size_t size)
{
	if (!make_room(attachment, HEADER_SIZE + size))
		return false;
	unsigned char *header = (unsigned char *)attachment->output + attachment->size;
	header[0] = (unsigned char)kind;
	write_size(header + 1, size);
	memcpy(header + HEADER_SIZE, bytes, size);
	attachment->size += HEADER_SIZE + size;
	return true;
}

bool attachment_flush(struct attachment *attachment, int socket)
{
	while (attachment->size > 0) {
		ssize_t count = SW_RETRY(send(socket, attachment->output + attachment->at, attachment->size,
					      MSG_NOSIGNAL | MSG_DONTWAIT));
		if (count < 0)
			return errno == EAGAIN;
		attachment->at += (size_t)count;
		attachment->size -= (size_t)count;
	}
	attachment->at = 0;
	return true;
}

bool attachment_read(struct attachment *attachment, int socket)
{
	size_t room = sizeof attachment->input - attachment->input_size;
	if (room == 0)
		return true;
	ssize_t count = SW_RETRY(recv(socket, attachment->input + attachment->input_size, room, MSG_DONTWAIT));
	if (count > 0)
		attachment->input_size += (size_t)count;
	return count > 0 || (count < 0 && errno == EAGAIN);
}

int attachment_frame(const struct attachment *attachment, struct attachment_frame *frame)
{
	const unsigned char *header = attachment->input;
	if (attachment->input_size < HEADER_SIZE)
		return 0;
	size_t size = (size_t)header[1] << 24 | (size_t)header[2] << 16 | (size_t)header[3] << 8 | header[4];
	if (size > ATTACHMENT_INPUT_MAX)
		return -1;
	if (attachment->input_size < HEADER_SIZE + size)
		return 0;
	*frame = (struct attachment_frame){ header[0], header + HEADER_SIZE, size };
	return 1;
}

void attachment_next(struct attachment *attachment, const struct attachment_frame *frame)
{
	size_t used = HEADER_SIZE + frame->size;
	attachment->input_size -= used;
	memmove(attachment->input, attachment->input + used, attachment->input_size);
}
