/* One line of the control socket. */
#ifndef SW_COMMAND_H
#define SW_COMMAND_H

#include <stdint.h>

enum command_kind { COMMAND_UNKNOWN, COMMAND_LAUNCH, COMMAND_START, COMMAND_SIGNAL, COMMAND_DRAIN, COMMAND_PING, COMMAND_ATTACH, COMMAND_LEASE, COMMAND_THAW };

struct command {
	enum command_kind kind;
	uint64_t number; /* epoch of `start` and `lease`, number of `signal` */
	uint64_t until;	 /* of `lease` */
	char text[65];	 /* host name of `start`; empty: as it was made */
};

/* `line` without line feed. COMMAND_UNKNOWN for everything that is not exactly a command of README.md. */
struct command command_parse(const char *line);

#endif
