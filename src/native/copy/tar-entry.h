/* The header block of a tar archive (POSIX.1-1988 ustar, with GNU's numbers and long names and POSIX.1-2001 pax records), taken apart
 * and made. Pure. */
#ifndef SW_TAR_ENTRY_H
#define SW_TAR_ENTRY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../common/error.h"

#define TAR_BLOCK 512
/* Of what stands before an entry and describes it. */
#define TAR_EXTENSION_BYTES_MAX (1024 * 1024)

enum tar_kind {
	TAR_FILE,
	TAR_HARD_LINK,
	TAR_LINK,
	TAR_DIRECTORY,
	TAR_FIFO,
	TAR_DEVICE, /* character or block */
	TAR_PAX,    /* records for the next entry */
	TAR_GLOBAL, /* records for all that follow */
	TAR_LONG_NAME,
	TAR_LONG_TARGET,
};

struct tar_entry {
	enum tar_kind kind;
	char name[PATH_MAX], target[PATH_MAX]; /* target: of links */
	mode_t mode;			       /* permissions only */
	uint64_t size;			       /* of the bytes that follow */
	int64_t modified_s;
};

/* 1: an entry; 0: the block of zeros at the end; -errno with what is wrong. Pax and GNU extensions come as entries of their own. */
int tar_entry_read(const uint8_t block[TAR_BLOCK], struct tar_entry *entry, struct sw_error *error);

/* Takes path, linkpath, size and mtime of pax records over into the entry that they stand before; others are left alone. */
int tar_entry_extend(struct tar_entry *entry, const char *records, size_t size, struct sw_error *error);

/* The header of a file, directory, link or FIFO. False when it needs pax records: long names, large files. Owner is root. */
bool tar_entry_write(const struct tar_entry *entry, uint8_t block[TAR_BLOCK]);

/* A pax header with its records, for an entry that does not fit a header. The size written to `bytes`, a multiple of TAR_BLOCK. */
#define TAR_PAX_BYTES (4 * PATH_MAX)
size_t tar_pax_write(const struct tar_entry *entry, uint8_t bytes[TAR_PAX_BYTES]);

#endif
