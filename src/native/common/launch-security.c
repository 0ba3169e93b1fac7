/* The launch file's entries about what the container may do. */
#include "launch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

#define OOM_SCORE_ADJ_MAX 1000

/* One hexadecimal mask; gives the text behind it and its space, NULL when it is none. */
static char *take_mask(char *text, uint64_t *mask)
{
	char *end;
	if (!text || !strchr("0123456789abcdef", *text) || *text == 0)
		return NULL;
	errno = 0;
	*mask = strtoull(text, &end, 16);
	if (errno != 0 || (*end != ' ' && *end != 0))
		return NULL;
	return *end == ' ' ? end + 1 : end;
}

static int take_capabilities(struct sw_security *security, char *value)
{
	struct sw_capabilities *sets = &security->capabilities;
	uint64_t *const masks[] = { &sets->bounding, &sets->permitted, &sets->effective, &sets->inheritable,
				    &sets->ambient };
	if (security->has_capabilities)
		return -EEXIST;
	for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
		value = take_mask(value, masks[i]);
	if (!value || *value != 0 || (sets->effective & ~sets->permitted) || (sets->permitted & ~sets->bounding) ||
	    (sets->ambient & ~(sets->permitted & sets->inheritable)))
		return -EINVAL;
	security->has_capabilities = true;
	return 0;
}

static int take_oom_score_adj(struct sw_security *security, const char *value)
{
	uint64_t number;
	bool negative = *value == '-';
	if (security->has_oom_score_adj)
		return -EEXIST;
	if (sw_parse_number(value + negative, &number) < 0 || number > OOM_SCORE_ADJ_MAX)
		return -EINVAL;
	security->oom_score_adj = negative ? -(int)number : (int)number;
	security->has_oom_score_adj = true;
	return 0;
}

/* Nothing that leaves /proc/sys. */
static bool is_sysctl_name(const char *name)
{
	if (*name == 0 || *name == '/')
		return false;
	for (const char *part = name; *part; part += *part == '/') {
		size_t size = strcspn(part, "/");
		if (size == 0 || strncmp(part, "..", size) == 0)
			return false;
		part += size;
	}
	return true;
}

static int add_sysctl(struct sw_security *security, char *value)
{
	char *text = strchr(value, '\n');
	if (!text)
		return -EINVAL;
	*text++ = 0;
	if (!is_sysctl_name(value))
		return -EINVAL;
	if (sw_launch_grow(&security->sysctls, security->sysctl_count, sizeof *security->sysctls) < 0)
		return -ENOMEM;
	security->sysctls[security->sysctl_count++] = (struct sw_sysctl){ value, text };
	return 0;
}

static int add_path(struct sw_strings *list, const char *value)
{
	return *value == '/' ? sw_launch_add(list, value) : -EINVAL;
}

/* `none` must be said: a file without the entry is not taken. */
static int take_seccomp(struct sw_security *security, const char *value)
{
	if (security->has_seccomp)
		return -EEXIST;
	if (*value != '/' && strcmp(value, "none") != 0)
		return -EINVAL;
	security->seccomp = *value == '/' ? value : NULL;
	security->has_seccomp = true;
	return 0;
}

int sw_launch_take_security(struct sw_security *security, const char *key, char *value)
{
	if (strcmp(key, "capabilities") == 0)
		return take_capabilities(security, value);
	if (strcmp(key, "seccomp") == 0)
		return take_seccomp(security, value);
	if (strcmp(key, "mask") == 0)
		return add_path(&security->masked, value);
	if (strcmp(key, "read-only") == 0)
		return add_path(&security->read_only, value);
	if (strcmp(key, "sysctl") == 0)
		return add_sysctl(security, value);
	if (strcmp(key, "oom-score-adj") == 0)
		return take_oom_score_adj(security, value);
	if (strcmp(key, "read-only-root") == 0 && strcmp(value, "yes") == 0 && !security->read_only_root) {
		security->read_only_root = true;
		return 0;
	}
	return strcmp(key, "read-only-root") == 0 ? -EINVAL : -ENOENT;
}
