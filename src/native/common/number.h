/* Decimal numbers from text, strictly. */
#ifndef SW_NUMBER_H
#define SW_NUMBER_H

#include <errno.h>
#include <stdint.h>

/* Digits only, at least one, at most 2^53 - 1 (what JavaScript can hold). 0 or -EINVAL. */
static inline int sw_parse_number(const char *text, uint64_t *value)
{
	uint64_t sum = 0;
	if (*text == 0)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		sum = sum * 10 + (uint64_t)(*text - '0');
		if (sum > 9007199254740991ull)
			return -EINVAL;
	}
	*value = sum;
	return 0;
}

#endif
