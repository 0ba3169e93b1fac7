/* The exit record and its file. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "monitor/exit-record.h"

static void formats(void)
{
	char line[400];
	struct exit_record record = { .code = 137, .signal = 9, .oom = true, .time_ms = 1700000000000 };
	exit_record_format(&record, line, sizeof line);
	CHECK(strcmp(line, "137 9 1 1700000000000") == 0);
	record = (struct exit_record){ .code = 127, .time_ms = 5, .text = "Cannot start a\nb" };
	exit_record_format(&record, line, sizeof line);
	CHECK(strcmp(line, "127 0 0 5 Cannot start a b") == 0);
	exit_record_from_status(&record, 9);
	CHECK(record.code == 137 && record.signal == 9);
	exit_record_from_status(&record, 7 << 8);
	CHECK(record.code == 7 && record.signal == 0);
}

static void replaces_the_file(void)
{
	char directory[] = "/tmp/swarm-exit-test-XXXXXX", path[64], text[100];
	struct exit_record record = { .code = 1, .time_ms = 2 };
	struct sw_error error;
	CHECK(mkdtemp(directory) != NULL);
	snprintf(path, sizeof path, "%s/exit", directory);
	CHECK(exit_record_write(&record, directory, &error) == 0);
	record.code = 3;
	CHECK(exit_record_write(&record, directory, &error) == 0);
	CHECK(exit_record_sync(directory, &error) == 0);
	int file = open(path, O_RDONLY);
	ssize_t size = read(file, text, sizeof text);
	close(file);
	CHECK(size == 8 && memcmp(text, "3 0 0 2\n", 8) == 0);
	unlink(path);
	CHECK(rmdir(directory) == 0);
	CHECK(exit_record_sync(directory, &error) == 0);
	CHECK(exit_record_write(&record, directory, &error) < 0 && error.code == 2);
}

void run_exit_record(void)
{
	formats();
	replaces_the_file();
}
