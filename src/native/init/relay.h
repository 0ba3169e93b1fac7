/* Between the master of a terminal and its caller's stream, in both directions, with a buffer each: whoever does not read stops the
 * other side, never the server. */
#ifndef SW_RELAY_H
#define SW_RELAY_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "terminal.h"

#define RELAYS_MAX 256
#define RELAY_BUFFER_SIZE (16 * 1024)
#define RELAY_POLLED 3

struct relay_buffer {
	char bytes[RELAY_BUFFER_SIZE];
	size_t at, size;
};

struct relay {
	uint64_t id;
	int handover; /* brings the master; -1 when it has */
	int master;   /* -1: not yet, or hung up */
	int stream;   /* -1: the caller has gone */
	bool ending;  /* the command has ended: what the terminal still holds is passed on, nothing more is waited for */
	struct relay_buffer to_caller, to_command;
};

/* Takes both descriptors; NULL when there is no place or no memory (they are then closed). */
struct relay *relay_add(struct relay *relays[RELAYS_MAX], uint64_t id, int stream, int handover);
struct relay *relay_by_id(struct relay *relays[RELAYS_MAX], uint64_t id);

/* What to wait for, and what to do when it came. */
void relay_arm(const struct relay *relay, struct pollfd polled[RELAY_POLLED]);
void relay_handle(struct relay *relay, const struct pollfd polled[RELAY_POLLED]);

void relay_resize(const struct relay *relay, const struct terminal_size *size);
/* The command has ended. */
void relay_end(struct relay *relay);
/* Nothing is left to pass on. */
bool relay_is_done(const struct relay *relay);
void relay_remove(struct relay **place);

#endif
