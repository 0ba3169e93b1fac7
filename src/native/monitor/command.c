#include "command.h"

#include <string.h>

#include "../common/number.h"

#define SIGNAL_MAX 64

static struct command with_number(enum command_kind kind, const char *text, uint64_t least, uint64_t most)
{
	struct command command = { kind, 0 };
	if (sw_parse_number(text, &command.number) < 0 || command.number < least || command.number > most)
		command.kind = COMMAND_UNKNOWN;
	return command;
}

struct command command_parse(const char *line)
{
	if (strncmp(line, "start ", 6) == 0)
		return with_number(COMMAND_START, line + 6, 1, UINT64_MAX);
	if (strncmp(line, "signal ", 7) == 0)
		return with_number(COMMAND_SIGNAL, line + 7, 1, SIGNAL_MAX);
	if (strcmp(line, "launch") == 0)
		return (struct command){ COMMAND_LAUNCH, 0 };
	if (strcmp(line, "drain") == 0)
		return (struct command){ COMMAND_DRAIN, 0 };
	if (strcmp(line, "ping") == 0)
		return (struct command){ COMMAND_PING, 0 };
	return (struct command){ COMMAND_UNKNOWN, 0 };
}
