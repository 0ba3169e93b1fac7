#include "input.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/syscalls.h"

void input_open(struct input *input, int descriptor, bool terminal)
{
	input_close(input);
	input->descriptor = descriptor;
	input->terminal = terminal;
	input->ending = false;
	fcntl(descriptor, F_SETFL, (terminal ? O_RDWR : O_WRONLY) | O_NONBLOCK);
	if (terminal)
		input->slave = ioctl(descriptor, SW_TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

void input_close(struct input *input)
{
	sw_close(&input->descriptor);
	sw_close(&input->slave);
	input->size = 0;
}

bool input_has_room(const struct input *input)
{
	return input->descriptor < 0 || input->ending || input->size == 0;
}

void input_take(struct input *input, const char *bytes, size_t size)
{
	if (input->descriptor < 0 || input->ending || input->size > 0 || size > sizeof input->bytes)
		return;
	memcpy(input->bytes, bytes, size);
	input->at = 0;
	input->size = size;
	input_flush(input);
}

void input_end(struct input *input)
{
	input->ending = !input->terminal;
	input_flush(input);
}

void input_flush(struct input *input)
{
	while (input->descriptor >= 0 && input->size > 0) {
		ssize_t count = SW_RETRY(write(input->descriptor, input->bytes + input->at, input->size));
		if (count < 0 && errno == EAGAIN)
			return;
		/* A terminal that nobody has open may be opened again. */
		if (count < 0 && input->terminal)
			input->size = 0;
		else if (count < 0)
			input_close(input);
		else {
			input->at += (size_t)count;
			input->size -= (size_t)count;
		}
	}
	if (input->ending)
		input_close(input);
}

void input_resize(const struct input *input, unsigned short rows, unsigned short columns)
{
	struct winsize window = { .ws_row = rows, .ws_col = columns };
	if (input->descriptor >= 0 && input->terminal)
		ioctl(input->descriptor, TIOCSWINSZ, &window);
}
