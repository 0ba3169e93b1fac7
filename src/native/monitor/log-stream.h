/* One output pipe of the container and its log files. Lines become `<unix-ms> <F or P> <text>\n`; a line longer than
 * LOG_LINE_MAX comes in P parts with F at its end. A full disk never stops the container: what cannot be written
 * is counted, dropped and told of once writing works again. */
#ifndef SW_LOG_STREAM_H
#define SW_LOG_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/error.h"
#include "log-file.h"

#define LOG_LINE_MAX (16 * 1024)
/* Formatted records waiting for one write(2). */
#define LOG_BLOCK_SIZE (64 * 1024)

struct log_stream {
	const char *name; /* "stdout" or "stderr" */
	int pipe;	  /* -1: closed */
	struct log_file file;
	/* The unfinished line. */
	char line[LOG_LINE_MAX];
	size_t line_size;
	char block[LOG_BLOCK_SIZE];
	size_t block_size;
	uint64_t dropped_bytes;
	int dropped_errno;
	bool terminal; /* lines end with a carriage return, which is left out */
	/* Hears all that is read, before it is logged; NULL: nobody. */
	void (*tee)(void *listener, const struct log_stream *log, const char *bytes, size_t size);
	void *listener;
};

/* Opens <directory>/log/<name> for appending. */
int log_open(struct log_stream *log, const char *name, const char *directory, struct sw_error *error);

/* What all files of this stream may take together, at least SW_LOG_BYTES_MIN / 2; no bound before. */
void log_bound(struct log_stream *log, uint64_t bytes_max);

/* Turns bytes of the pipe into records; full blocks are written, the rest waits for log_write. */
void log_take(struct log_stream *log, const char *bytes, size_t size, uint64_t now_ms);

/* Writes the block. */
void log_write(struct log_stream *log, uint64_t now_ms);

/* Reads what the pipe holds, at most one buffer, and writes it. False at the end of the pipe (now closed). */
bool log_relay(struct log_stream *log);

/* Everything written to the pipe so far, the unfinished line as a part, fsynced. 0 or -errno of fdatasync. */
int log_drain(struct log_stream *log);

/* The container has ended: the rest of the pipe, the unfinished line as a whole one; closes the pipe. */
void log_finish(struct log_stream *log);

#endif
