/* The launch file's entries about what the container may do. */
#include "launch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "userns.h"

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

/* Of a path relative to a directory: nothing that leaves it. */
static bool is_inside(const char *name)
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
	if (!is_inside(value))
		return -EINVAL;
	if (sw_launch_grow(&security->sysctls, security->sysctl_count, sizeof *security->sysctls) < 0)
		return -ENOMEM;
	security->sysctls[security->sysctl_count++] = (struct sw_sysctl){ value, text };
	return 0;
}

/* A number and the space behind it. */
static char *take_number(char *text, uint32_t *number)
{
	char *end = text ? strchr(text, ' ') : NULL;
	uint64_t value;
	if (!end)
		return NULL;
	*end = 0;
	if (sw_parse_number(text, &value) < 0 || value > UINT32_MAX)
		return NULL;
	*number = (uint32_t)value;
	return end + 1;
}

/* Below /dev, and nothing that leaves it. */
static bool is_device_path(const char *path)
{
	return strncmp(path, "/dev/", 5) == 0 && is_inside(path + 5);
}

/* "<c or b> <major> <minor> <r?w?m?> <path>" */
static int add_device(struct sw_security *security, char *value)
{
	struct sw_device device = { .is_block = *value == 'b' };
	if (security->every_device || security->device_count == SW_LAUNCH_DEVICES_MAX ||
	    (strncmp(value, "c ", 2) != 0 && strncmp(value, "b ", 2) != 0))
		return -EINVAL;
	char *access = take_number(take_number(value + 2, &device.major), &device.minor);
	if (!access)
		return -EINVAL;
	device.read = *access == 'r';
	access += device.read;
	device.write = *access == 'w';
	access += device.write;
	device.make = *access == 'm';
	access += device.make;
	if (*access != ' ' || !(device.read || device.write || device.make) || !is_device_path(access + 1))
		return -EINVAL;
	device.path = access + 1;
	if (sw_launch_grow(&security->devices, security->device_count, sizeof *security->devices) < 0)
		return -ENOMEM;
	security->devices[security->device_count++] = device;
	return 0;
}

static int take_every_device(struct sw_security *security, const char *value)
{
	if (strcmp(value, "all") != 0 || security->every_device || security->device_count > 0)
		return -EINVAL;
	security->every_device = true;
	return 0;
}

/* Past the ids of the host itself, and whole. */
static int take_userns(struct sw_security *security, const char *value)
{
	uint64_t base;
	if (security->userns_base)
		return -EEXIST;
	if (sw_parse_number(value, &base) < 0 || base < SW_USERNS_IDS || base > UINT32_MAX - SW_USERNS_IDS)
		return -EINVAL;
	security->userns_base = (uint32_t)base;
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
	if (strcmp(key, "device") == 0)
		return add_device(security, value);
	if (strcmp(key, "devices") == 0)
		return take_every_device(security, value);
	if (strcmp(key, "userns") == 0)
		return take_userns(security, value);
	if (strcmp(key, "oom-score-adj") == 0)
		return take_oom_score_adj(security, value);
	if (strcmp(key, "read-only-root") == 0 && strcmp(value, "yes") == 0 && !security->read_only_root) {
		security->read_only_root = true;
		return 0;
	}
	return strcmp(key, "read-only-root") == 0 ? -EINVAL : -ENOENT;
}
