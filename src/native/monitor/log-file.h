/* The files of one output stream: `<name>`, which grows, and before it `<name>.<number>`, which rose when it was full. At most
 * LOG_FILES_MAX of them, each of at most bytes_max: the oldest goes when a new one begins. */
#ifndef SW_LOG_FILE_H
#define SW_LOG_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "../common/error.h"

#define LOG_FILES_MAX 4

struct log_file {
	const char *name; /* "stdout" or "stderr" */
	int directory;	  /* the files', wherever it is moved to */
	int descriptor;	  /* -1: closed, or could not be opened anew */
	uint64_t size;
	uint64_t bytes_max; /* UINT64_MAX: not known yet */
	uint64_t number; /* of the last full one; 0: not looked yet */
};

/* Opens <directory>/log/<name> for appending. Nothing is open when it fails. */
int log_file_open(struct log_file *file, const char *name, const char *directory, struct sw_error *error);
void log_file_close(struct log_file *file);

/* 0 or -errno; all or nothing. At most bytes_max at once. */
int log_file_append(struct log_file *file, const char *bytes, size_t size);

#endif
