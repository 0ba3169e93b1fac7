#include "targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/criu.h"
#include "common/launch.h"
#include "copy/tar-entry.h"
#include "init/exec-options.h"
#include "init/identity.h"
#include "init/serve-request.h"
#include "monitor/attachment.h"
#include "monitor/command.h"
#include "monitor/control.h"
#include "oci/plan.h"

/* As the decoders get them: malloc'd to the byte, so that reading on is a fault, with a NUL behind. */
static char *owned(const uint8_t *bytes, size_t size)
{
	char *copy = malloc(size + 1);
	if (!copy)
		abort();
	memcpy(copy, bytes, size);
	copy[size] = 0;
	return copy;
}

static void take_launch(const uint8_t *bytes, size_t size)
{
	struct sw_launch launch;
	struct sw_error error;
	if (sw_launch_decode(owned(bytes, size), size, &launch, &error) == 0)
		sw_launch_free(&launch);
}

static void take_plan(const uint8_t *bytes, size_t size)
{
	struct plan plan;
	struct sw_error error;
	if (plan_decode(owned(bytes, size), size, &plan, &error) == 0)
		plan_free(&plan);
}

/* Over a connection, in pieces as they come. */
static void take_control(const uint8_t *bytes, size_t size)
{
	struct client client;
	char line[CONTROL_LINE_MAX];
	int pair[2];
	memset(&client, 0, sizeof client);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	client.socket = pair[0];
	for (size_t sent = 0; client.socket >= 0 && sent < size;) {
		ssize_t count = write(pair[1], bytes + sent, size - sent < 100 ? size - sent : 100);
		if (count <= 0)
			break;
		sent += (size_t)count;
		control_read(&client);
		while (client.socket >= 0 && control_next_line(&client, line)) {
			struct command command = command_parse(line);
			if (strlen(command.text) >= sizeof command.text)
				abort();
			control_send(&client, line);
		}
	}
	control_close(&client);
	close(pair[1]);
}

/* Frames of an attached connection, in pieces as they come. */
static void take_attachment(const uint8_t *bytes, size_t size)
{
	struct attachment *attachment = attachment_new();
	struct attachment_frame frame;
	int pair[2], found = 0;
	if (!attachment || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	for (size_t sent = 0; found >= 0 && sent < size;) {
		ssize_t count = write(pair[1], bytes + sent, size - sent < 100 ? size - sent : 100);
		if (count <= 0 || !attachment_read(attachment, pair[0]))
			break;
		sent += (size_t)count;
		while ((found = attachment_frame(attachment, &frame)) > 0) {
			if (frame.payload + frame.size > attachment->input + attachment->input_size)
				abort();
			attachment_next(attachment, &frame);
		}
	}
	attachment_free(attachment);
	close(pair[0]);
	close(pair[1]);
}

/* Arguments, each ended by NUL. */
static void take_exec_options(const uint8_t *bytes, size_t size)
{
	enum { ARGUMENTS_MAX = 64 };
	char *copy = owned(bytes, size), *arguments[ARGUMENTS_MAX + 1] = { NULL };
	const char *env_items[ARGUMENTS_MAX + 1];
	struct exec_options options;
	struct sw_error error;
	int count = 0;
	for (char *at = copy; at < copy + size && count < ARGUMENTS_MAX; at += strlen(at) + 1)
		arguments[count++] = at;
	exec_options_parse(count, arguments, env_items, &options, &error);
	free(copy);
}

static void take_serve_request(const uint8_t *bytes, size_t size)
{
	static struct serve_request request;
	struct sw_error error;
	char *copy = owned(bytes, size);
	serve_request_decode(copy, size, &request, &error);
	free(copy);
}

/* What `restore` reads: from a file. */
static void take_restore(const uint8_t *bytes, size_t size)
{
	struct criu_command command = { 0 };
	struct sw_error error;
	char path[64];
	int file = memfd_create("restore", 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	if (file < 0 || write(file, bytes, size) != (ssize_t)size)
		abort();
	criu_command_read(path, &command, &error);
	criu_command_free(&command);
	close(file);
}

/* User, passwd and group of an image, each ended by NUL. */
static void take_identity(const uint8_t *bytes, size_t size)
{
	struct identity identity;
	struct sw_error error;
	char *copy = owned(bytes, size), *end = copy + size;
	const char *passwd = copy + strlen(copy) + 1;
	const char *group = passwd < end ? passwd + strlen(passwd) + 1 : end;
	identity_resolve(copy, passwd < end ? passwd : "", group < end ? group : "", &identity, &error);
	free(copy);
}

/* A header block, whose checksum is mended so that what lies behind it is met, and pax records. */
static void take_tar_entry(const uint8_t *bytes, size_t size)
{
	static struct tar_entry entry;
	uint8_t block[TAR_BLOCK] = { 0 };
	struct sw_error error;
	unsigned sum = 0;
	size_t head = size < TAR_BLOCK ? size : TAR_BLOCK;
	memcpy(block, bytes, head);
	memset(block + 148, ' ', 8);
	for (size_t at = 0; at < TAR_BLOCK; at++)
		sum += block[at];
	snprintf((char *)block + 148, 8, "%06o", sum);
	if (tar_entry_read(block, &entry, &error) == 1) {
		char *records = owned(bytes + head, size - head);
		tar_entry_extend(&entry, records, size - head, &error);
		free(records);
		if (strlen(entry.name) >= sizeof entry.name || strlen(entry.target) >= sizeof entry.target)
			abort();
	}
}

#define WORDS(name, ...) static const char *const name##_words[] = { __VA_ARGS__, NULL }
WORDS(launch, "version=1", "container=", "epoch=", "hostname=", "log-bytes=1048576", "workdir=/", "user=", "cgroup2=/", "cgroup1=/", "lower=/", "arg=",
      "env=A=", "host=/", "netns=/", "bind=ro\n/a\n/b", "volume=rw\n/a\n/b", "host-path=ro\n/a\n/b", "tmpfs=4096\n/a", "file=/a\n", "rlimit=nofile 1 2", "passing=yes", "passing=when-told",
      "capabilities=f 7 3 1 1", "seccomp=/p", "device=c 1 3 rw /dev/null", "mask=/", "read-only=/", "sysctl=net/a\n1",
      "oom-score-adj=-1000", "unlimited", "9007199254740991");
WORDS(control, "start ", "signal ", "drain\n", "ping\n", "launch\n", "1", " web.0\n", "9007199254740991\n", "\n");
WORDS(exec_options, "--pid", "--user", "--workdir", "--env", "--", "/d", "A=B", "1", "--terminal", "24x80");
WORDS(serve_request, "exec", "kill", "resize", "1", "/d", "--pid", "--env", "A=B", "--", "true", "24x80");
WORDS(attachment, "\20", "\21", "\22", "\4", "\2hi", "\30", "\120");
WORDS(restore, "restore", "-D", "--root", "/", "--external", "-d");
WORDS(identity, "root", "0", "root:x:0:0::/root:/bin/sh\n", "a:x:1:b,c\n", ":", "4294967295", "\n");
WORDS(tar_entry, "ustar", "ustar  ", "0000644", "00000001750", "12 path=abc\n", "16 linkpath=abc\n", "11 size=12\n", "22 mtime=1600000000.5\n", " ",
      "=", "\n", "\200", "\377");
WORDS(plan, "version=1", "namespace=131072\n", "mount=1\nproc\nproc\n/proc\n0\n1\n2\n0\n0\n0\n0\n0", "mount-option=", "device=8630\n1\n3\n0\n0\n/dev/a",
      "device-rule=", "hook=0\n5\n/bin/a", "hook-arg=", "hook-env=", "arg=", "env=", "cwd=/", "user=1\n2", "group=", "rootfs=/", "rlimit=", "umask=",
      "\n", "4294967295");

const struct fuzz_target fuzz_targets[] = {
	{ "launch", take_launch, launch_words, 4096 },
	{ "control", take_control, control_words, 2048 },
	{ "exec-options", take_exec_options, exec_options_words, 2048 },
	{ "serve-request", take_serve_request, serve_request_words, 2048 },
	{ "attachment", take_attachment, attachment_words, 8192 },
	{ "restore", take_restore, restore_words, 2048 },
	{ "identity", take_identity, identity_words, 2048 },
	{ "plan", take_plan, plan_words, 4096 },
	{ "tar-entry", take_tar_entry, tar_entry_words, 2048 },
};
const size_t fuzz_target_count = sizeof fuzz_targets / sizeof *fuzz_targets;
