/* A connection that follows the container's output and writes to its input: frames of one byte kind, four bytes length (big-endian)
 * and payload, both ways. Knows the frames, not the container. */
#ifndef SW_ATTACHMENT_H
#define SW_ATTACHMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Output that a slow reader has not taken; past it he is let go, the container never waits. */
#define ATTACHMENT_OUTPUT_MAX (256 * 1024)
#define ATTACHMENT_INPUT_MAX 4096

enum attachment_kind {
	ATTACHMENT_STDOUT = 1,
	ATTACHMENT_STDERR = 2,
	ATTACHMENT_STDIN = 16,
	ATTACHMENT_RESIZE = 17, /* two bytes rows, two bytes columns (big-endian) */
	ATTACHMENT_END = 18,	/* of standard input */
};

struct attachment {
	char *output;
	size_t at, size, capacity;
	unsigned char input[5 + ATTACHMENT_INPUT_MAX];
	size_t input_size;
};

/* NULL without memory. */
struct attachment *attachment_new(void);
void attachment_free(struct attachment *attachment);

/* False when he lags too far, or without memory. */
bool attachment_put(struct attachment *attachment, enum attachment_kind kind, const char *bytes, size_t size);
/* Sends what the socket takes. False when it has ended. */
bool attachment_flush(struct attachment *attachment, int socket);

/* Receives into what is free of `input`. False at the end. */
bool attachment_read(struct attachment *attachment, int socket);

struct attachment_frame {
	uint8_t kind;
	const unsigned char *payload; /* in `input` */
	size_t size;
};

/* 1 with the first whole frame, 0 without one, -1 for one that is too long. */
int attachment_frame(const struct attachment *attachment, struct attachment_frame *frame);
/* Done with the first one. */
void attachment_next(struct attachment *attachment, const struct attachment_frame *frame);

#endif
