/* The control socket: command lines, whole lines out of pieces, readers that lag, too many connections. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "monitor/command.h"
#include "monitor/control.h"

static void parses_commands(void)
{
	struct command command = command_parse("start 12");
	CHECK(command.kind == COMMAND_START && command.number == 12);
	command = command_parse("signal 15");
	CHECK(command.kind == COMMAND_SIGNAL && command.number == 15);
	command = command_parse("start 12 web.0");
	CHECK(command.kind == COMMAND_START && command.number == 12 && strcmp(command.text, "web.0") == 0);
	command = command_parse("lease 3 123456");
	CHECK(command.kind == COMMAND_LEASE && command.number == 3 && command.until == 123456);
	CHECK(command_parse("lease 3").kind == COMMAND_UNKNOWN && command_parse("lease 0 5").kind == COMMAND_UNKNOWN);
	CHECK(command_parse("lease 3 x").kind == COMMAND_UNKNOWN && command_parse("thaw").kind == COMMAND_THAW);
	CHECK(command_parse("launch").kind == COMMAND_LAUNCH);
	CHECK(command_parse("drain").kind == COMMAND_DRAIN && command_parse("ping").kind == COMMAND_PING);
	static const char *const wrong[] = { "", "start", "start ", "start 0", "start -1", "start 1x", "start 99999999999999999999", "start 1 ", "start 1 a b", "start 1 Web", "start 1 a/b",
					     "start 1 "
					     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "launch 1",
					     "signal 0", "signal 65", "signal", "drain ", "PING", "quit", " ping" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		CHECK(command_parse(wrong[i]).kind == COMMAND_UNKNOWN);
}

static int connect_client(struct client *client)
{
	int pair[2];
	memset(client, 0, sizeof *client);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	client->socket = pair[0];
	return pair[1];
}

static void joins_pieces(void)
{
	struct client client;
	char line[CONTROL_LINE_MAX];
	int far = connect_client(&client);
	CHECK(write(far, "pi", 2) == 2 && control_read(&client) && !control_next_line(&client, line));
	CHECK(write(far, "ng\ndrain\nst", 11) == 11 && control_read(&client));
	CHECK(control_next_line(&client, line) && strcmp(line, "ping") == 0);
	CHECK(control_next_line(&client, line) && strcmp(line, "drain") == 0);
	CHECK(!control_next_line(&client, line) && client.input_size == 2);
	CHECK(control_read(&client)); /* nothing there is not the end */
	close(far);
	CHECK(!control_read(&client) && client.socket == -1);
}

static void refuses_endless_lines(void)
{
	struct client client;
	char flood[CONTROL_LINE_MAX];
	int far = connect_client(&client);
	memset(flood, 'x', sizeof flood);
	CHECK(write(far, flood, sizeof flood) == sizeof flood && control_read(&client));
	CHECK(!control_read(&client) && client.socket == -1);
	close(far);
}

static void drops_readers_that_lag(void)
{
	struct client client;
	int far = connect_client(&client), sent = 0;
	while (client.socket >= 0 && sent++ < 1000000)
		control_send(&client, "state running 1234");
	CHECK(client.socket == -1 && sent < 1000000);
	control_send(&client, "after the end");
	close(far);
}

void run_control(void)
{
	parses_commands();
	joins_pieces();
	refuses_endless_lines();
	drops_readers_that_lag();
}
