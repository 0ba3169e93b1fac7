/* What a container's first process tells the one that creates it, and the one byte of answer to each question: a SOCK_SEQPACKET
 * pair, one struct sw_report (common/report.h) a message. */
#ifndef SW_OCI_CHANNEL_H
#define SW_OCI_CHANNEL_H

#include <stdint.h>

#include "../common/error.h"
#include "../common/report.h"

enum channel_kind {
	CHANNEL_WANTS_MAPS = 32, /* question: its user namespace has no mappings yet */
	CHANNEL_WANTS_HOOKS,	 /* question: mounts are made, the root is still the host's: prestart and createRuntime */
	CHANNEL_CREATED,	 /* everything but startContainer hooks and the program itself is done */
	CHANNEL_WARNING,
	CHANNEL_FAILED,
	CHANNEL_PID, /* code: the process that does the rest; the sender ends */
};

int channel_make(int ends[2], struct sw_error *error);
void channel_tell(int channel, enum channel_kind kind, int32_t code, const char *text);
/* Tells and waits for the answer; -EPIPE when the other end has gone or said no. */
int channel_ask(int channel, enum channel_kind kind, struct sw_error *error);
int channel_answer(int channel, struct sw_error *error);
/* 1, or 0 at the end. */
int channel_read(int channel, struct sw_report *report, struct sw_error *error);

#endif
