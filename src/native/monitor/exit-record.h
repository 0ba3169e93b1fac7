/* How the container ended, and the durable `exit` file. */
#ifndef SW_EXIT_RECORD_H
#define SW_EXIT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/error.h"

struct exit_record {
	int code; /* 0–255, 128 + signal */
	int signal;
	bool oom;
	uint64_t time_ms;
	char text[256]; /* why it never ran; empty otherwise */
};

/* `<code> <signal> <oom 0/1> <unix-ms>[ <text>]`, without line feed; control characters of the text become spaces. */
void exit_record_format(const struct exit_record *record, char *line, size_t size);

/* From a wait status. */
void exit_record_from_status(struct exit_record *record, int status);

/* <directory>/exit by way of exit.new: whole or absent for everybody who reads it from now on. */
int exit_record_write(const struct exit_record *record, const char *directory, struct sw_error *error);

/* Both file and name to the disk. A directory that has been removed meanwhile is fine. */
int exit_record_sync(const char *directory, struct sw_error *error);

#endif
