#include "command.h"

#include <string.h>

#include "../common/number.h"

#define SIGNAL_MAX 64
/* Since the machine's boot: ten thousand years. */
#define LEASE_MS_MAX 315360000000000

static struct command with_number(enum command_kind kind, const char *text, uint64_t least, uint64_t most)
{
	struct command command = { .kind = kind };
	if (sw_parse_number(text, &command.number) < 0 || command.number < least || command.number > most)
		command.kind = COMMAND_UNKNOWN;
	return command;
}

/* `<epoch>[ <host name>]` */
static struct command start_of(const char *text)
{
	char number[24];
	const struct command unknown = { .kind = COMMAND_UNKNOWN };
	size_t size = strcspn(text, " ");
	if (size >= sizeof number)
		return unknown;
	memcpy(number, text, size);
	number[size] = 0;
	struct command command = with_number(COMMAND_START, number, 1, UINT64_MAX);
	if (text[size] == 0 || command.kind == COMMAND_UNKNOWN)
		return command;
	const char *name = text + size + 1;
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-");
	if (length == 0 || length >= sizeof command.text || name[length])
		return unknown;
	memcpy(command.text, name, length);
	return command;
}

/* `<epoch> <until>` */
static struct command lease_of(const char *text)
{
	char number[24];
	size_t size = strcspn(text, " ");
	if (size >= sizeof number || text[size] == 0)
		return (struct command){ .kind = COMMAND_UNKNOWN };
	memcpy(number, text, size);
	number[size] = 0;
	struct command command = with_number(COMMAND_LEASE, number, 1, UINT64_MAX);
	if (sw_parse_number(text + size + 1, &command.until) < 0 || command.until > LEASE_MS_MAX)
		command.kind = COMMAND_UNKNOWN;
	return command;
}

struct command command_parse(const char *line)
{
	if (strncmp(line, "start ", 6) == 0)
		return start_of(line + 6);
	if (strncmp(line, "signal ", 7) == 0)
		return with_number(COMMAND_SIGNAL, line + 7, 1, SIGNAL_MAX);
	if (strncmp(line, "lease ", 6) == 0)
		return lease_of(line + 6);
	if (strcmp(line, "thaw") == 0)
		return (struct command){ .kind = COMMAND_THAW };
	if (strcmp(line, "launch") == 0)
		return (struct command){ .kind = COMMAND_LAUNCH };
	if (strcmp(line, "drain") == 0)
		return (struct command){ .kind = COMMAND_DRAIN };
	if (strcmp(line, "attach") == 0)
		return (struct command){ .kind = COMMAND_ATTACH };
	if (strcmp(line, "ping") == 0)
		return (struct command){ .kind = COMMAND_PING };
	return (struct command){ .kind = COMMAND_UNKNOWN };
}
