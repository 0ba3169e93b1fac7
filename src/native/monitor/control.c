#include "control.h"

#include <string.h>
#include <sys/socket.h>

#include "../common/cleanup.h"

void control_listen(struct control *control, int listener)
{
	control->listener = listener;
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		control->clients[i].socket = -1;
}

void control_connect(struct control *control, int connection)
{
	control_listen(control, -1);
	control->clients[0] = (struct client){ .socket = connection };
}

int control_accept(struct control *control)
{
	int connection = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (connection < 0)
		return -1;
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].socket < 0) {
			struct client *client = &control->clients[i];
			client->socket = connection;
			client->input_size = client->output_size = 0;
			return i;
		}
	close(connection);
	return -1;
}

bool control_read(struct client *client)
{
	size_t room = sizeof client->input - client->input_size;
	ssize_t count = room == 0 ? 0 : SW_RETRY(recv(client->socket, client->input + client->input_size, room, 0));
	if (count < 0 && errno == EAGAIN)
		return true;
	if (count <= 0) {
		control_close(client);
		return false;
	}
	client->input_size += (size_t)count;
	return true;
}

bool control_next_line(struct client *client, char line[CONTROL_LINE_MAX])
{
	char *feed = memchr(client->input, '\n', client->input_size);
	if (!feed)
		return false;
	size_t size = (size_t)(feed - client->input);
	memcpy(line, client->input, size);
	line[size] = 0;
	client->input_size -= size + 1;
	memmove(client->input, feed + 1, client->input_size);
	return true;
}

static void lose(struct client *client)
{
	control_close(client);
	client->lost = true;
}

bool control_take_lost(struct client *client)
{
	bool lost = client->lost;
	client->lost = false;
	return lost;
}

void control_flush(struct client *client)
{
	while (client->socket >= 0 && client->output_size > 0) {
		ssize_t count = send(client->socket, client->output, client->output_size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno == EAGAIN)
			return;
		if (count < 0)
			return lose(client);
		client->output_size -= (size_t)count;
		memmove(client->output, client->output + count, client->output_size);
	}
}

void control_hold(struct client *client, const char *line)
{
	size_t size = strlen(line);
	if (client->socket < 0)
		return;
	if (client->output_size + size + 1 > sizeof client->output)
		return lose(client);
	memcpy(client->output + client->output_size, line, size);
	client->output[client->output_size + size] = '\n';
	client->output_size += size + 1;
}

void control_send(struct client *client, const char *line)
{
	control_hold(client, line);
	control_flush(client);
}

void control_hold_all(struct control *control, const char *line)
{
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (!control->clients[i].attachment)
			control_hold(&control->clients[i], line);
}

void control_flush_all(struct control *control)
{
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (!control->clients[i].attachment)
			control_flush(&control->clients[i]);
}

void control_close(struct client *client)
{
	sw_close(&client->socket);
	client->input_size = client->output_size = 0;
	attachment_free(client->attachment);
	client->attachment = NULL;
}
