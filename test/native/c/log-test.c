/* The log writer: lines, parts, drains, a full disk. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "monitor/log-stream.h"

#define BYTES_MAX (64 * 1024 * 1024)

static struct log_stream stream;
static char directory[64], content[4 * 1024 * 1024];

static void begin_with(uint64_t bytes_max)
{
	struct sw_error error;
	char path[128];
	strcpy(directory, "/tmp/swarm-log-test-XXXXXX");
	CHECK(mkdtemp(directory) != NULL);
	snprintf(path, sizeof path, "%s/log", directory);
	mkdir(path, 0755);
	CHECK(log_open(&stream, "stdout", directory, &error) == 0);
	log_bound(&stream, bytes_max);
}

static void begin(void)
{
	begin_with(BYTES_MAX);
}

static const char *read_back(void)
{
	char path[128];
	snprintf(path, sizeof path, "%s/log/stdout", directory);
	int file = open(path, O_RDONLY);
	ssize_t size = read(file, content, sizeof content - 1);
	content[size < 0 ? 0 : size] = 0;
	close(file);
	return content;
}

/* What is there of a stream: its files, their bytes together, and the largest. */
static int count_files(uint64_t *bytes, uint64_t *largest)
{
	char path[512];
	struct stat status;
	int files = 0;
	snprintf(path, sizeof path, "%s/log", directory);
	DIR *entries = opendir(path);
	*bytes = *largest = 0;
	for (struct dirent *entry; (entry = readdir(entries));) {
		snprintf(path, sizeof path, "%s/log/%s", directory, entry->d_name);
		if (entry->d_name[0] == '.' || stat(path, &status) < 0)
			continue;
		files++;
		*bytes += (uint64_t)status.st_size;
		if ((uint64_t)status.st_size > *largest)
			*largest = (uint64_t)status.st_size;
	}
	closedir(entries);
	return files;
}

static void end(void)
{
	char command[128];
	log_finish(&stream);
	snprintf(command, sizeof command, "rm -r %s", directory);
	CHECK(system(command) == 0);
}

static void take(const char *text)
{
	log_take(&stream, text, strlen(text), 1700000000000);
}

static void writes_whole_lines(void)
{
	begin();
	take("one\ntw");
	take("o\n\nthr");
	log_write(&stream, 1700000000001);
	CHECK(strcmp(read_back(), "1700000000000 F one\n1700000000000 F two\n1700000000000 F \n") == 0);
	end();
}

static void parts_long_lines(void)
{
	static char line[2 * LOG_LINE_MAX + 6];
	memset(line, 'x', sizeof line - 1);
	begin();
	take(line);
	take("\nnext\n");
	log_write(&stream, 1);
	const char *text = read_back();
	CHECK(strncmp(text, "1700000000000 P x", 17) == 0);
	CHECK(strlen(text) == strlen(line) + 3 * 17 + strlen("1700000000000 F next\n"));
	CHECK(strstr(text, " F xxxxx\n1700000000000 F next\n") != NULL);
	/* Exactly the limit is one whole line. */
	line[LOG_LINE_MAX] = '\n';
	line[LOG_LINE_MAX + 1] = 0;
	take(line);
	CHECK(stream.line_size == 0);
	log_write(&stream, 1);
	CHECK(strlen(strstr(read_back(), " F next\n") + 8) == 16 + LOG_LINE_MAX + 1);
	end();
}

static void bounds_its_buffers(void)
{
	static char lines[200001];
	memset(lines, '\n', sizeof lines - 1);
	begin();
	take(lines);
	log_write(&stream, 1);
	CHECK(strlen(read_back()) == 200000 * 17ul);
	end();
}

static void drains_the_pipe(void)
{
	int ends[2];
	begin();
	CHECK(pipe2(ends, O_NONBLOCK) == 0);
	stream.pipe = ends[0];
	CHECK(write(ends[1], "whole\nprompt> ", 14) == 14);
	CHECK(log_drain(&stream) == 0);
	CHECK(strstr(read_back(), " F whole\n") != NULL);
	CHECK(strstr(content, " P prompt> \n") != NULL);
	CHECK(write(ends[1], "answer", 6) == 6);
	close(ends[1]);
	CHECK(log_relay(&stream) && !log_relay(&stream) && stream.pipe == -1);
	end();
}

static void ends_with_the_last_line(void)
{
	begin();
	take("no line feed");
	char path[128];
	snprintf(path, sizeof path, "%s/log/stdout", directory);
	log_finish(&stream);
	int file = open(path, O_RDONLY);
	ssize_t size = read(file, content, sizeof content - 1);
	content[size] = 0;
	close(file);
	CHECK(strcmp(content + 13, " F no line feed\n") == 0);
	end();
}

/* A file size limit fails like a full disk, in the middle of a record. */
static void lives_on_a_full_disk(void)
{
	struct rlimit before, small;
	int complaints = dup(2), null = open("/dev/null", O_WRONLY);
	signal(SIGXFSZ, SIG_IGN);
	begin();
	dup2(null, 2);
	take("first\n");
	log_write(&stream, 1);
	getrlimit(RLIMIT_FSIZE, &before);
	small = (struct rlimit){ 40, before.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	take("this does not fit\n");
	log_write(&stream, 2);
	take("nor does this\n");
	log_write(&stream, 3);
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK(strcmp(read_back(), "1700000000000 F first\n") == 0);
	CHECK(stream.dropped_bytes > 0 && stream.dropped_errno == EFBIG);
	take("fits again\n");
	log_write(&stream, 4);
	dup2(complaints, 2);
	close(complaints);
	close(null);
	CHECK(stream.dropped_bytes == 0);
	CHECK(strstr(read_back(), "\n4 F swarm: 64 bytes of output were not logged: File too large\n") != NULL);
	CHECK(strstr(content, "\n1700000000000 F fits again\n") != NULL);
	end();
}

/* Ten times what it may keep: the newest lines are there, whole, and no more bytes than allowed. */
static void keeps_to_its_bound(void)
{
	char line[64], path[512];
	uint64_t bytes, largest;
	begin_with(512 * 1024);
	for (int i = 0; i < 5 * 1024 * 1024 / 64; i++) {
		snprintf(line, sizeof line, "line %07d of a program that never stops printing\n", i);
		take(line);
		if (i % 100 == 0)
			log_write(&stream, 1);
	}
	log_write(&stream, 1);
	CHECK(count_files(&bytes, &largest) == LOG_FILES_MAX);
	CHECK(bytes <= 512 * 1024 && bytes > 384 * 1024 && largest <= 128 * 1024);
	uint64_t last = stream.file.number;
	CHECK(last > 30);
	CHECK(strstr(read_back(), "line 0081919 of a program") != NULL);
	snprintf(path, sizeof path, "%s/log/stdout.%llu", directory, (unsigned long long)last - 2);
	CHECK(access(path, F_OK) == 0);
	snprintf(path, sizeof path, "%s/log/stdout.%llu", directory, (unsigned long long)last - 3);
	CHECK(access(path, F_OK) < 0);
	end();
}

/* A monitor that comes later (after a move, with another bound) goes on with the numbers, and takes away what is too much. */
static void goes_on_with_the_numbers(void)
{
	static const char *const names[] = { "stdout.7", "stdout.8", "stdout.9", "stdout.10", "stdout.11", "stdout.x",
					     "stderr.99", "stdout.012" };
	char path[512];
	uint64_t bytes, largest;
	begin_with(512 * 1024);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/log/%s", directory, names[i]);
		close(open(path, O_WRONLY | O_CREAT, 0600));
	}
	static char much[100 * 1024];
	memset(much, 'x', sizeof much - 2);
	much[sizeof much - 2] = '\n';
	take(much);
	take(much);
	log_write(&stream, 1);
	CHECK(stream.file.number == 12);
	/* stdout, stdout.10 to .12, and the three that are not of this stream. */
	CHECK(count_files(&bytes, &largest) == 7);
	end();
}

/* Where no new file can be made, output is dropped and told of, and the bound holds. */
static void does_not_grow_where_it_cannot_rotate(void)
{
	char path[512];
	uint64_t bytes, largest;
	int complaints = dup(2), null = open("/dev/null", O_WRONLY);
	begin_with(512 * 1024);
	dup2(null, 2);
	static char much[120 * 1024];
	memset(much, 'x', sizeof much - 2);
	much[sizeof much - 2] = '\n';
	take(much);
	log_write(&stream, 1);
	/* The name that the full file would get is taken by a directory. */
	stream.file.number = 5;
	snprintf(path, sizeof path, "%s/log/stdout.6", directory);
	CHECK(mkdir(path, 0755) == 0);
	take(much);
	log_write(&stream, 2);
	take(much);
	log_write(&stream, 3);
	CHECK(stream.dropped_bytes > 0);
	CHECK(rmdir(path) == 0);
	CHECK(count_files(&bytes, &largest) == 1 && largest <= 128 * 1024);
	take("fits again\n");
	log_write(&stream, 4);
	dup2(complaints, 2);
	CHECK(strstr(read_back(), "bytes of output were not logged: Is a directory") != NULL);
	CHECK(strstr(content, " F fits again\n") != NULL);
	close(complaints);
	close(null);
	end();
}

void run_log(void)
{
	keeps_to_its_bound();
	goes_on_with_the_numbers();
	does_not_grow_where_it_cannot_rotate();
	writes_whole_lines();
	parts_long_lines();
	bounds_its_buffers();
	drains_the_pipe();
	ends_with_the_last_line();
	lives_on_a_full_disk();
}
