/* The container's standard input, as far as it has one: the writing end of a pipe, or the master of its terminal. */
#ifndef SW_INPUT_H
#define SW_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#define INPUT_BUFFER_SIZE (16 * 1024)

struct input {
	int descriptor; /* -1: the container takes none (any more) */
	int slave;	/* of a terminal, held so that its output does not end while the workload has it closed; -1: none */
	bool terminal;
	bool ending; /* closed as soon as the buffer is empty */
	char bytes[INPUT_BUFFER_SIZE];
	size_t at, size;
};

/* Takes the descriptor, which the container's first process sent. */
void input_open(struct input *input, int descriptor, bool terminal);
void input_close(struct input *input);

/* Whether input_take would take something now: also where there is nobody to take it, which throws it away. */
bool input_has_room(const struct input *input);
/* At most INPUT_BUFFER_SIZE bytes, only with room. */
void input_take(struct input *input, const char *bytes, size_t size);
/* No more will come: a reader of a pipe sees its end, a terminal stays. */
void input_end(struct input *input);
/* Passes on what the container takes. */
void input_flush(struct input *input);
void input_resize(const struct input *input, unsigned short rows, unsigned short columns);

#endif
