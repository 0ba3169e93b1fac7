/* The lowerdir option: escapes and its limit. */
#include <errno.h>
#include <string.h>

#include "common/overlay.h"
#include "harness.h"

void run_overlay(void)
{
	const char *items[] = { "/layers/a", "/layers/b,c:d\\e" };
	struct sw_strings lower = { items, 2 };
	char option[64];
	CHECK(sw_overlay_lower_option(&lower, 0, option, sizeof option) == (int)strlen(option));
	CHECK(strcmp(option, "/layers/a:/layers/b\\,c\\:d\\\\e") == 0);
	CHECK(sw_overlay_lower_option(&lower, 8, option, sizeof option) > 0 && strcmp(option, "a:b\\,c\\:d\\\\e") == 0);
	for (size_t size = 1; size <= 28; size++)
		CHECK(sw_overlay_lower_option(&lower, 0, option, size) == -ENOSPC);
}
