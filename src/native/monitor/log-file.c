#include "log-file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/file.h"
#include "complain.h"

/* Of a full file; far beyond what a disk can hold. */
#define NUMBER_MAX 999999999999ull

/* 0 or -errno. */
static int open_current(struct log_file *file)
{
	struct stat status;
	file->descriptor = openat(file->directory, file->name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (file->descriptor < 0 || fstat(file->descriptor, &status) < 0)
		return -errno;
	file->size = (uint64_t)status.st_size;
	return 0;
}

int log_file_open(struct log_file *file, const char *name, const char *directory, struct sw_error *error)
{
	char path[PATH_MAX];
	*file = (struct log_file){ .name = name, .directory = -1, .descriptor = -1, .bytes_max = UINT64_MAX };
	snprintf(path, sizeof path, "%s/log", directory);
	file->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int result = file->directory < 0 ? -errno : open_current(file);
	if (result == 0)
		return 0;
	log_file_close(file);
	return sw_fail(error, -result, "open the log file", name);
}

void log_file_close(struct log_file *file)
{
	sw_close(&file->descriptor);
	sw_close(&file->directory);
}

/* The number of a full file of this stream; 0 for any other name. */
static uint64_t number_in(const struct log_file *file, const char *entry)
{
	size_t length = strlen(file->name);
	char *end;
	if (strncmp(entry, file->name, length) != 0 || entry[length] != '.' || entry[length + 1] < '1' ||
	    entry[length + 1] > '9')
		return 0;
	uint64_t number = strtoull(entry + length + 1, &end, 10);
	return *end == 0 && number <= NUMBER_MAX ? number : 0;
}

/* Finds the last number and removes what is too old, also after a bound was lowered. 0 or -errno. */
static int look_around(struct log_file *file, uint64_t next)
{
	int again = openat(file->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = again < 0 ? NULL : fdopendir(again);
	if (!entries) {
		int code = errno;
		sw_close(&again);
		return -code;
	}
	uint64_t last = 0;
	for (struct dirent *entry; (entry = readdir(entries));) {
		uint64_t number = number_in(file, entry->d_name);
		if (number > last)
			last = number;
		if (number > 0 && next > 0 && number + LOG_FILES_MAX - 1 <= next)
			unlinkat(file->directory, entry->d_name, 0);
	}
	closedir(entries);
	if (next == 0)
		file->number = last;
	return 0;
}

/* The current file becomes the last full one. What cannot be renamed is not written on: the bound holds. 0 or -errno. */
static int rotate(struct log_file *file)
{
	char full[64];
	int result = file->number == 0 ? look_around(file, 0) : 0;
	if (result < 0)
		return result;
	snprintf(full, sizeof full, "%s.%llu", file->name, (unsigned long long)file->number + 1);
	if (renameat(file->directory, file->name, file->directory, full) < 0)
		return -errno;
	file->number++;
	sw_close(&file->descriptor);
	look_around(file, file->number);
	return open_current(file);
}

/* A write that stopped in the middle of a record is taken back, so that the next one starts on its own line. */
static void take_back(const struct log_file *file, size_t written)
{
	if (written > 0 && ftruncate(file->descriptor, (off_t)file->size) < 0)
		monitor_complain("cannot shorten the log of %s: %s", file->name, strerror(errno));
}

int log_file_append(struct log_file *file, const char *bytes, size_t size)
{
	int result = file->descriptor < 0 ? open_current(file) : 0;
	if (result == 0 && file->size > 0 && file->size + size > file->bytes_max)
		result = rotate(file);
	if (result < 0)
		return result;
	for (size_t written = 0; written < size;) {
		ssize_t count = SW_RETRY(write(file->descriptor, bytes + written, size - written));
		if (count < 0) {
			int code = errno;
			take_back(file, written);
			return -code;
		}
		written += (size_t)count;
	}
	file->size += size;
	return 0;
}
