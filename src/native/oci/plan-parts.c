#include "plan-parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../common/number.h"

void *plan_add(void *array, size_t *count, size_t size)
{
	if (*count == 0 || (*count & (*count + 1)) == 0) {
		void *larger = realloc(*(void **)array, (2 * *count + 2) * size);
		if (!larger)
			return NULL;
		*(void **)array = larger;
	}
	void *item = *(char **)array + (*count)++ * size;
	memset(item, 0, 2 * size);
	return item;
}

int plan_add_string(struct sw_strings *list, const char *value)
{
	const char **item = plan_add(&list->items, &list->count, sizeof *list->items);
	if (!item)
		return -ENOMEM;
	*item = value;
	return 0;
}

int plan_split(char *value, char **parts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		parts[i] = value;
		if (i + 1 == count)
			return 0;
		value = strchr(value, '\n');
		if (!value)
			return -EINVAL;
		*value++ = 0;
	}
	return 0;
}

int plan_number(const char *text, uint64_t limit, uint64_t *value)
{
	return sw_parse_number(text, value) < 0 || *value > limit ? -EINVAL : 0;
}

int plan_numbers(char *const *parts, size_t count, uint64_t limit, uint64_t *values)
{
	for (size_t i = 0; i < count; i++)
		if (plan_number(parts[i], limit, &values[i]) < 0)
			return -EINVAL;
	return 0;
}

int plan_set_text(const char **field, const char *value)
{
	if (*field || *value == 0)
		return -EINVAL;
	*field = value;
	return 0;
}

int plan_set_path(const char **field, const char *value)
{
	return *value == '/' ? plan_set_text(field, value) : -EINVAL;
}

int plan_add_path(struct sw_strings *list, const char *value)
{
	return *value == '/' ? plan_add_string(list, value) : -EINVAL;
}

int plan_set_yes(bool *field, const char *value)
{
	if (*field || strcmp(value, "yes") != 0)
		return -EINVAL;
	*field = true;
	return 0;
}
