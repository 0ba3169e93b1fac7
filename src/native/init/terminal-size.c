#include <errno.h>
#include <string.h>

#include "../common/number.h"
#include "terminal.h"

int terminal_size_parse(const char *text, struct terminal_size *size)
{
	uint64_t numbers[2];
	char rows[8];
	size_t length = strcspn(text, "x");
	if (length >= sizeof rows || text[length] == 0)
		return -EINVAL;
	memcpy(rows, text, length);
	rows[length] = 0;
	if (sw_parse_number(rows, &numbers[0]) < 0 || sw_parse_number(text + length + 1, &numbers[1]) < 0 ||
	    numbers[0] < 1 || numbers[0] > UINT16_MAX || numbers[1] < 1 || numbers[1] > UINT16_MAX)
		return -EINVAL;
	*size = (struct terminal_size){ (uint16_t)numbers[0], (uint16_t)numbers[1] };
	return 0;
}
