/* What the server of exec and the monitor decode: requests, sizes, frames of attached connections. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "init/serve-request.h"
#include "monitor/attachment.h"

static struct serve_request request;

static int decode(const char *bytes, size_t size)
{
	static char copy[4096];
	struct sw_error error = { 0 };
	memcpy(copy, bytes, size);
	return serve_request_decode(copy, size, &request, &error);
}

#define DECODE(text) decode(text, sizeof text)

static void requests(void)
{
	CHECK(DECODE("exec\0" "7\0/d\0--pid\0" "12\0--terminal\0" "24x80\0--env\0A=1\0--\0ls\0-l") == 0);
	CHECK(request.kind == SERVE_EXEC && request.id == 7 && request.options.pid == 12);
	CHECK(request.options.size.rows == 24 && request.options.size.columns == 80);
	CHECK(strcmp(request.options.command[1], "-l") == 0 && request.options.command[2] == NULL);
	CHECK(!request.options.next && request.size == sizeof "exec\0" "7\0/d\0--pid\0" "12\0--terminal\0" "24x80\0--env\0A=1\0--\0ls\0-l");
	CHECK(DECODE("exec\0" "8\0/d\0--pid\0" "12\0--next\0yes\0--\0ls") == 0 && request.options.next);
	CHECK(DECODE("kill\0" "9") == 0 && request.kind == SERVE_KILL && request.id == 9);
	CHECK(DECODE("resize\0" "9\0" "1x65535") == 0 && request.kind == SERVE_RESIZE);
	CHECK(request.options.size.columns == 65535);
}

static void wrong_requests(void)
{
	CHECK(decode("kill\0" "9", 6) < 0); /* without its end */
	CHECK(decode("", 0) < 0);
	CHECK(DECODE("") < 0);
	CHECK(DECODE("kill") < 0);
	CHECK(DECODE("kill\0nine") < 0);
	CHECK(DECODE("kill\0" "9\0more") < 0);
	CHECK(DECODE("resize\0" "9\0" "24") < 0);
	CHECK(DECODE("resize\0" "9\0" "0x80") < 0);
	CHECK(DECODE("resize\0" "9\0" "24x65536") < 0);
	CHECK(DECODE("dance\0" "9") < 0);
	CHECK(DECODE("exec\0" "9\0/d\0--pid\0" "1\0--") < 0 && request.id == 9);
	CHECK(DECODE("exec\0" "9\0/d\0--pid\0" "1\0--next\0no\0--\0ls") < 0);
	CHECK(DECODE("exec\0" "9\0d\0--pid\0" "1\0--\0ls") < 0);
}

/* Whatever comes: an answer, never a crash. */
static void any_bytes(void)
{
	static const char alphabet[] = "exkilrsz 0123456789--pid\0/x=\0\0\0";
	static char bytes[256];
	unsigned seed = 1;
	for (int round = 0; round < 20000; round++) {
		struct sw_error error = { 0 };
		size_t size = 0;
		seed = seed * 1103515245u + 12345u;
		for (size_t wanted = (seed >> 16) % sizeof bytes; size < wanted; size++) {
			seed = seed * 1103515245u + 12345u;
			bytes[size] = alphabet[(seed >> 16) % sizeof alphabet];
		}
		int result = serve_request_decode(bytes, size, &request, &error);
		if (result > 0 || (result < 0 && error.code == 0))
			CHECK(0);
	}
}

static void frames(void)
{
	struct attachment *attachment = attachment_new();
	struct attachment_frame frame;
	int pair[2];
	CHECK(attachment && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(attachment_frame(attachment, &frame) == 0);
	CHECK(write(pair[1], "\20\0\0\0\2hi\21\0\0\0\4\0\30\0\120\20", 17) == 17);
	CHECK(attachment_read(attachment, pair[0]));
	CHECK(attachment_frame(attachment, &frame) == 1 && frame.kind == ATTACHMENT_STDIN && frame.size == 2);
	attachment_next(attachment, &frame);
	CHECK(attachment_frame(attachment, &frame) == 1 && frame.kind == ATTACHMENT_RESIZE && frame.payload[3] == 80);
	attachment_next(attachment, &frame);
	CHECK(attachment_frame(attachment, &frame) == 0 && attachment->input_size == 1);
	CHECK(write(pair[1], "\0\0\20\1", 4) == 4 && attachment_read(attachment, pair[0]));
	CHECK(attachment_frame(attachment, &frame) == -1); /* 4,097 bytes */
	attachment_free(attachment);
	close(pair[0]);
	close(pair[1]);
}

static void slow_reader(void)
{
	struct attachment *attachment = attachment_new();
	static char bytes[64 * 1024];
	int pair[2], count = 0;
	CHECK(attachment && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	while (attachment_put(attachment, ATTACHMENT_STDOUT, bytes, sizeof bytes) && count < 1000)
		count++;
	CHECK(count == 3); /* 256 KiB less the heads */
	CHECK(attachment_flush(attachment, pair[0]));
	CHECK(attachment->size < 3 * (sizeof bytes + 5));
	close(pair[1]);
	CHECK(attachment_put(attachment, ATTACHMENT_STDOUT, bytes, 1) && !attachment_flush(attachment, pair[0]));
	attachment_free(attachment);
	close(pair[0]);
}

void run_exec(void)
{
	requests();
	wrong_requests();
	any_bytes();
	frames();
	slow_reader();
}
