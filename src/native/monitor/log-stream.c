#include "log-stream.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/file.h"
#include "complain.h"

/* "<20 digits> F " and the line feed. */
#define RECORD_OVERHEAD 32
#define READ_SIZE (64 * 1024)

int log_open(struct log_stream *log, const char *name, const char *directory, struct sw_error *error)
{
	log->name = name;
	log->pipe = -1;
	log->line_size = log->block_size = 0;
	log->dropped_bytes = 0;
	return log_file_open(&log->file, name, directory, error);
}

void log_bound(struct log_stream *log, uint64_t bytes_max)
{
	log->file.bytes_max = bytes_max / LOG_FILES_MAX;
}

static void drop(struct log_stream *log, size_t bytes, int code)
{
	if (log->dropped_bytes == 0)
		monitor_complain("cannot write the log of %s, dropping output: %s", log->name, strerror(code));
	log->dropped_bytes += bytes;
	log->dropped_errno = code;
}

/* True when the log has been told of what it lacks. */
static bool confess(struct log_stream *log, uint64_t now_ms)
{
	char record[160];
	int size = snprintf(record, sizeof record, "%llu F swarm: %llu bytes of output were not logged: %s\n",
			    (unsigned long long)now_ms, (unsigned long long)log->dropped_bytes,
			    strerror(log->dropped_errno));
	if (log_file_append(&log->file, record, (size_t)size) < 0)
		return false;
	monitor_complain("the log of %s lacks %llu bytes", log->name, (unsigned long long)log->dropped_bytes);
	log->dropped_bytes = 0;
	return true;
}

void log_write(struct log_stream *log, uint64_t now_ms)
{
	if (log->block_size == 0)
		return;
	int result = log->dropped_bytes == 0 || confess(log, now_ms) ?
			     log_file_append(&log->file, log->block, log->block_size) :
			     -log->dropped_errno;
	if (result < 0)
		drop(log, log->block_size, -result);
	log->block_size = 0;
}

static void end_record(struct log_stream *log, char mark, uint64_t now_ms)
{
	if (log->block_size + log->line_size + RECORD_OVERHEAD > sizeof log->block)
		log_write(log, now_ms);
	char *at = log->block + log->block_size;
	int head = snprintf(at, RECORD_OVERHEAD, "%llu %c ", (unsigned long long)now_ms, mark);
	memcpy(at + head, log->line, log->line_size);
	at[(size_t)head + log->line_size] = '\n';
	log->block_size += (size_t)head + log->line_size + 1;
	log->line_size = 0;
}

void log_take(struct log_stream *log, const char *bytes, size_t size, uint64_t now_ms)
{
	const char *end = bytes + size;
	while (bytes < end) {
		if (log->line_size == LOG_LINE_MAX && *bytes != '\n')
			end_record(log, 'P', now_ms);
		size_t room = LOG_LINE_MAX - log->line_size, left = (size_t)(end - bytes);
		const char *feed = memchr(bytes, '\n', left < room + 1 ? left : room + 1);
		size_t count = feed ? (size_t)(feed - bytes) : (left < room ? left : room);
		memcpy(log->line + log->line_size, bytes, count);
		log->line_size += count;
		bytes += count;
		if (feed) {
			if (log->terminal && log->line_size > 0 && log->line[log->line_size - 1] == '\r')
				log->line_size--;
			end_record(log, 'F', now_ms);
			bytes++;
		}
	}
}

static ssize_t relay_once(struct log_stream *log)
{
	char bytes[READ_SIZE];
	ssize_t count = SW_RETRY(read(log->pipe, bytes, sizeof bytes));
	if (count > 0) {
		uint64_t now = sw_now_ms();
		if (log->tee)
			log->tee(log->listener, log, bytes, (size_t)count);
		log_take(log, bytes, (size_t)count, now);
		log_write(log, now);
	}
	return count;
}

bool log_relay(struct log_stream *log)
{
	ssize_t count = relay_once(log);
	if (count > 0 || (count < 0 && errno == EAGAIN))
		return true;
	sw_close(&log->pipe);
	return false;
}

static void end_line(struct log_stream *log, char mark)
{
	uint64_t now = sw_now_ms();
	if (log->line_size > 0)
		end_record(log, mark, now);
	log_write(log, now);
}

/* Bounded by what the pipe holds now: a container that never stops writing does not keep us here. */
static void relay_present(struct log_stream *log)
{
	int present = 0;
	if (log->pipe < 0 || ioctl(log->pipe, FIONREAD, &present) < 0)
		return;
	while (present > 0) {
		ssize_t count = relay_once(log);
		if (count <= 0)
			return;
		present -= (int)count;
	}
}

int log_drain(struct log_stream *log)
{
	relay_present(log);
	end_line(log, 'P');
	return fdatasync(log->file.descriptor) < 0 ? -errno : 0;
}

void log_finish(struct log_stream *log)
{
	while (log->pipe >= 0 && relay_once(log) > 0)
		;
	end_line(log, 'F');
	sw_close(&log->pipe);
	log_file_close(&log->file);
}
