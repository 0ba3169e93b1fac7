/* The control socket: connections, whole lines in, whole lines out. Knows nothing of containers. */
#ifndef SW_CONTROL_H
#define SW_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include "attachment.h"

#define CONTROL_CLIENTS_MAX 16
#define CONTROL_LINE_MAX 256
#define CONTROL_OUTPUT_MAX 4096

struct client {
	int socket; /* -1: free */
	char input[CONTROL_LINE_MAX];
	size_t input_size;
	char output[CONTROL_OUTPUT_MAX];
	size_t output_size;
	struct attachment *attachment; /* NULL: it carries lines */
	bool lost; /* closed because nothing could be sent: for control_take_lost */
};

struct control {
	int listener;
	struct client clients[CONTROL_CLIENTS_MAX];
};

/* Takes over the listening socket (descriptor of spawnDetached). */
void control_listen(struct control *control, int listener);
/* Takes over one connection, the only one there will be (descriptor of spawnConnected). */
void control_connect(struct control *control, int connection);

/* Accepts one connection; when all places are taken it is closed at once. Gives its index or -1. */
int control_accept(struct control *control);

/* Reads what has arrived. False: the connection has ended or said too much, and is closed. */
bool control_read(struct client *client);

/* Takes the next whole line out of the input, without line feed. */
bool control_next_line(struct client *client, char line[CONTROL_LINE_MAX]);

/* Sends a line (line feed is added), keeping what the socket does not take; a reader that lags 4 KiB is closed. */
void control_send(struct client *client, const char *line);
/* The same, to be sent with the next one: each wakes the reader. */
void control_hold(struct client *client, const char *line);
/* Sends what is left. */
void control_flush(struct client *client);

/* To all connections that carry lines. */
void control_hold_all(struct control *control, const char *line);
void control_flush_all(struct control *control);

/* Whether the connection was closed since because nothing could be sent on it. */
bool control_take_lost(struct client *client);

void control_close(struct client *client);

#endif
