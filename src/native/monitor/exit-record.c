#include "exit-record.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "../common/cleanup.h"
#include "../common/file.h"

static const char step[] = "write the exit record";

void exit_record_format(const struct exit_record *record, char *line, size_t size)
{
	snprintf(line, size, "%d %d %d %llu%s%s", record->code, record->signal, record->oom ? 1 : 0,
		 (unsigned long long)record->time_ms, record->text[0] ? " " : "", record->text);
	for (char *at = line; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = ' ';
}

void exit_record_from_status(struct exit_record *record, int status)
{
	record->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	record->code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int write_new(int directory, const char *line)
{
	SW_AUTOCLOSE int file = openat(directory, "exit.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	return file < 0 ? -errno : sw_write_all(file, line, strlen(line));
}

int exit_record_write(const struct exit_record *record, const char *path, struct sw_error *error)
{
	char line[400];
	exit_record_format(record, line, sizeof line - 1);
	strcat(line, "\n");
	SW_AUTOCLOSE int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return sw_fail(error, errno, step, path);
	int result = write_new(directory, line);
	if (result == 0 && renameat(directory, "exit.new", directory, "exit") < 0)
		result = -errno;
	return result < 0 ? sw_fail(error, -result, step, path) : 0;
}

int exit_record_sync(const char *path, struct sw_error *error)
{
	SW_AUTOCLOSE int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SW_AUTOCLOSE int file = directory < 0 ? -1 : openat(directory, "exit", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (file < 0)
		return errno == ENOENT ? 0 : sw_fail(error, errno, "open the exit record", path);
	return fsync(file) < 0 || fsync(directory) < 0 ? sw_fail(error, errno, "sync the exit record", path) : 0;
}
